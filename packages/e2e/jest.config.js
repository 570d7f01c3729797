import base from '../../jest.config.base.js';

export default {
  ...base,
  // The browser tests take the longest.
  testTimeout: 3 * base.testTimeout,
  globalSetup: '@muster/testkit/jest-postgres-setup',
  globalTeardown: '@muster/testkit/jest-postgres-teardown',
};
