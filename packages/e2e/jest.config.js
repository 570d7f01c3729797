import base from '../../jest.config.base.js';

export default {
  ...base,
  // The browser tests need the most.
  testTimeout: 3 * base.testTimeout,
  globalSetup: '@muster/testkit/jest-postgres-setup',
  globalTeardown: '@muster/testkit/jest-postgres-teardown',
};
