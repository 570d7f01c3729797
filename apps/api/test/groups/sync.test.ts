import '../container-service.test.js';
import '../order-in-sql.test.js';
import '../order-property.test.js';
import '../retention.test.js';
import '../agent-calls.test.js';
import '../sync.test.js';
