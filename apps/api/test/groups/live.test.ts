import '../database-trouble.test.js';
import '../host-event-lists.test.js';
import '../host-events.test.js';
import '../stream-order.test.js';
import '../stream-resume.test.js';
import '../stream.test.js';
import '../maintenance.test.js';
