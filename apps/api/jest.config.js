import { fileURLToPath } from 'node:url';
import base from '../../jest.config.base.js';

export default {
  ...base,
  // Only a run of all tests uses the groups: see jest.config.js of the repository.
  testPathIgnorePatterns: ['/node_modules/', '/test/groups/'],
  moduleNameMapper: {
    ...base.moduleNameMapper,
    '^@better-auth/utils/password$': fileURLToPath(new URL('test/fast-passwords.js', import.meta.url)),
  },
  globalSetup: '@muster/testkit/jest-postgres-setup',
  globalTeardown: '@muster/testkit/jest-postgres-teardown',
};
