import '../agent-journal.test.js';
import '../agent-leaving.test.js';
import '../agent-release.test.js';
import '../agent-token-cache.test.js';
import '../host-problems.test.js';
import '../host-token.test.js';
import '../token-secrecy.test.js';
