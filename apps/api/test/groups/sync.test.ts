import '../container-service.test.js';
import '../order.test.js';
import '../ordering.test.js';
import '../retention.test.js';
import '../signs.test.js';
import '../sync.test.js';
