import config from './jest.config.js';

/** `pnpm test:large`: suites that take too long for `pnpm test`. */
export default {
  ...config,
  testMatch: ['<rootDir>/test/**/*.large.ts'],
  testTimeout: 30 * 60_000,
};
