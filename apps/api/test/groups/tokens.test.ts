import '../agent-token-cache.test.js';
import '../host-token.test.js';
import '../rotation.test.js';
import '../token-secrecy.test.js';
