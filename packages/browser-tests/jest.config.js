import base from '../../jest.config.base.js';

// One browser, one API and one fleet at a time is what a small machine can bear.
export default {
  ...base,
  testTimeout: 180_000,
  maxWorkers: 1,
  globalSetup: '@muster/test-engines/jest-postgres-setup',
  globalTeardown: '@muster/test-engines/jest-postgres-teardown',
};
