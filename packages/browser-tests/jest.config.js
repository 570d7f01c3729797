import base from '../../jest.config.base.js';

// A small machine can only run one browser, one API and one fleet at a time.
export default {
  ...base,
  testTimeout: 180_000,
  maxWorkers: 1,
  globalSetup: '@muster/testkit/jest-postgres-setup',
  globalTeardown: '@muster/testkit/jest-postgres-teardown',
};
