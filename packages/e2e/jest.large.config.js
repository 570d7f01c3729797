import config from './jest.config.js';

/** `pnpm test:large`: suites that take too long for `pnpm test`. */
export default {
  ...config,
  // The configured reporter counts the tests of all suites, for `pnpm test`.
  reporters: ['default'],
  testMatch: ['<rootDir>/test/**/*.large.ts'],
  testTimeout: 30 * 60_000,
};
