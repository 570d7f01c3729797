import base from '../../jest.config.base.js';

export default {
  ...base,
  // The browser tests take the longest. No test is near this time, unless the machine is very busy.
  testTimeout: 5 * base.testTimeout,
  globalSetup: '@muster/testkit/jest-postgres-setup',
  globalTeardown: '@muster/testkit/jest-postgres-teardown',
};
