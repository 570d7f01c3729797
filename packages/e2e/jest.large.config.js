import config from './jest.config.js';

/** `pnpm test:large`: suites that take too long for `pnpm test`. */
export default {
  ...config,
  // Without the other reporter of the base configuration, which counts the tests of `pnpm test`.
  reporters: ['default'],
  testMatch: ['<rootDir>/test/**/*.large.ts'],
  testTimeout: 30 * 60_000,
};
