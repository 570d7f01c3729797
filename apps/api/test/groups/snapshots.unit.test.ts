import '../container-row.unit.test.js';
import '../diff-snapshot.unit.test.js';
import '../snapshot-effort.unit.test.js';
import '../snapshot-text.unit.test.js';
