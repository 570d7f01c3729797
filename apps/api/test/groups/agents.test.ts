import '../agent-api.test.js';
import '../agent-journal.test.js';
import '../agent-leaving.test.js';
import '../agent-release.test.js';
import '../enrollment.test.js';
import '../host-problems.test.js';
