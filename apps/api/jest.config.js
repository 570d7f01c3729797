import base from '../../jest.config.base.js';

export default {
  ...base,
  globalSetup: '@muster/testkit/jest-postgres-setup',
  globalTeardown: '@muster/testkit/jest-postgres-teardown',
};
