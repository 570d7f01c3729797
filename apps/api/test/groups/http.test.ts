import '../compression.test.js';
import '../docs-page.test.js';
import '../health.test.js';
import '../http.test.js';
import '../metrics.test.js';
import '../openapi.test.js';
import '../web.test.js';
