import base from '../../jest.config.base.js';

export default {
  ...base,
  globalSetup: '@muster/test-engines/jest-postgres-setup',
  globalTeardown: '@muster/test-engines/jest-postgres-teardown',
};
