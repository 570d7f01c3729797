/**
 * The environment of all tests: jest's for Node.js, with two additions.
 *
 * `globalThis.musterPglite` is the embedded database for tests. Jest evaluates modules once per test file, which would
 * compile PGlite and unpack the template for each of them. Only an environment can load a module outside jest's
 * registry, once per worker.
 *
 * The built-in objects are constants of the context. Otherwise, each use of one, such as `Array.isArray`, calls a function
 * of Node.js that searches the global object, which takes 0.4 µs instead of a few nanoseconds.
 */
const { runInContext, runInNewContext } = require('node:vm');
const { TestEnvironment } = require('jest-environment-node');

/** Names that cannot be constants, and those that jest and its fake timers replace. */
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
