import '../sync-concurrency.test.js';
import '../sync-property.test.js';
