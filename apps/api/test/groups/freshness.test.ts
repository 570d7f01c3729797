import '../clock.test.js';
import '../clock-ahead.test.js';
import '../freshness.test.js';
import '../freshness-in-sql.test.js';
import '../host-event-writer.test.js';
import '../lease.test.js';
import '../lost-history.test.js';
import '../silence-events.test.js';
