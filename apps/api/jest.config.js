import { fileURLToPath } from 'node:url';
import base from '../../jest.config.base.js';

export default {
  ...base,
  moduleNameMapper: {
    ...base.moduleNameMapper,
    '^@better-auth/utils/password$': fileURLToPath(new URL('test/fast-passwords.js', import.meta.url)),
  },
  globalSetup: '@muster/testkit/jest-postgres-setup',
  globalTeardown: '@muster/testkit/jest-postgres-teardown',
};
