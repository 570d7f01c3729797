import '../container-row.unit.test.js';
import '../diff-snapshot.unit.test.js';
import '../charged-text.unit.test.js';
import '../snapshot-text.unit.test.js';
