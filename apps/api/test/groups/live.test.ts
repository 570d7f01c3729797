import '../database-trouble.test.js';
import '../stream.test.js';
import '../upkeep.test.js';
