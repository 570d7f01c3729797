import { fileURLToPath } from 'node:url';

/**
 * The base of every package's jest.config.js: ESM TypeScript compiled by swc. Workspace packages resolve to their
 * sources (the `@muster/source` export condition), so that tests never use a stale build.
 */
export default {
  testEnvironment: fileURLToPath(new URL('scripts/test-environment.cjs', import.meta.url)),
  // Each worker has its own PostgreSQL server. `pnpm test` uses several workers: see jest.config.js.
  maxWorkers: 1,
  // Long enough to start real databases and engines on a busy machine. No test depends on this value.
  testTimeout: 60_000,
  testEnvironmentOptions: { customExportConditions: ['@muster/source', 'node', 'node-addons'] },
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // The files in test/groups are used only if all tests run: see jest.config.js.
  testPathIgnorePatterns: ['/node_modules/', '/test/groups/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^@electric-sql/pglite$': fileURLToPath(new URL('packages/db/jest/shared-pglite.cjs', import.meta.url)),
  },
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
