import '../bodies.unit.test.js';
import '../canonical.unit.test.js';
import '../container-fields.unit.test.js';
import '../container.unit.test.js';
import '../normalized-container.unit.test.js';
import '../snapshot-headers.unit.test.js';
import '../snapshot.unit.test.js';
