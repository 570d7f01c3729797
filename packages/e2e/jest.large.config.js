import config from './jest.config.js';

/** `pnpm test:large`: suites that take too long for `pnpm test`. */
export default {
  ...config,
  // The base configuration has a second reporter, which counts the tests of `pnpm test`. It is left out here.
  reporters: ['default'],
  testMatch: ['<rootDir>/test/**/*.large.ts'],
  testTimeout: 30 * 60_000,
};
