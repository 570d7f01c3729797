/**
 * The environment of all tests: jest's for Node.js, with `globalThis.musterPglite`, the embedded database for tests.
 *
 * Jest evaluates modules once per test file, which would compile PGlite and unpack the template for each of them. Only an
 * environment can load a module outside jest's registry, once per worker.
 */
const { TestEnvironment } = require('jest-environment-node');

module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    Object.defineProperty(this.global, 'musterPglite', { get: () => require('../packages/db/jest/pglite.cjs') });
  }
};
