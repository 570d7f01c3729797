import '../access.test.js';
import '../fuzz.test.js';
import '../limits.test.js';
