import { fileURLToPath } from 'node:url';

/**
 * What every package's jest.config.js spreads: ESM TypeScript through swc, workspace packages read from their
 * source (the `source` export condition), so that a test never runs against a stale build.
 */
export default {
  testEnvironment: 'node',
  // Room for real databases and engines to start on a busy machine; no test measures time by it.
  testTimeout: 60_000,
  testEnvironmentOptions: { customExportConditions: ['source', 'node', 'node-addons'] },
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  reporters: [
    'default',
    ...(process.env.MUSTER_TEST_REPORT_DIR
      ? [fileURLToPath(new URL('scripts/test-counts-reporter.js', import.meta.url))]
      : []),
  ],
};
