import '../attention.test.js';
import '../event-lists.test.js';
import '../fleet-map.test.js';
import '../inventory.test.js';
import '../lists-property.test.js';
import '../operator-api.test.js';
import '../reads.test.js';
import '../revoked-export.test.js';
