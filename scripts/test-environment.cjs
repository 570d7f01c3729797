/**
 * The environment of all tests: jest's environment for Node.js with two additions.
 *
 * `globalThis.musterPglite` is the embedded database for tests. Jest evaluates each module once per test file. If
 * PGlite were an ordinary module, it would be compiled, and its template unpacked, for every test file. Only an
 * environment can load a module outside jest's registry, and thereby once per worker.
 *
 * The built-in objects are constants of the context. Without these constants, each use of a built-in object, such as
 * `Array` in `Array.isArray`, calls a function of Node.js that searches the global object. This takes 0.4 µs instead of
 * a few nanoseconds.
 */
const { runInContext, runInNewContext } = require('node:vm');
const { TestEnvironment } = require('jest-environment-node');

/** Names that cannot become constants, and names of objects that jest or its fake timers replace. */
const VARIABLES = new Set(['Infinity', 'NaN', 'undefined', 'eval', 'console', 'Date', 'Intl']);

const constants = [...runInNewContext('Object.getOwnPropertyNames(globalThis)'), 'Buffer', 'process'].filter(
  (name) => !VARIABLES.has(name),
);

module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    Object.defineProperty(this.global, 'musterPglite', { get: () => require('../packages/db/jest/pglite.cjs') });
    runInContext(`const { ${constants.join(', ')} } = this;`, this.context);
  }
};
