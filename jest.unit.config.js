import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import config from './jest.config.js';

const script = (name) => join(import.meta.dirname, 'scripts', name);

/** Options that only tests with real servers, databases or processes need. */
const REAL_PARTS = new Set(['globalSetup', 'globalTeardown']);

/**
 * Whether a project has unit tests. Other projects are left out, because searching their files takes jest longer than
 * some unit tests.
 */
const hasUnitTests = ({ rootDir }) =>
  readdirSync(join(rootDir, 'test'), { recursive: true }).some((name) => name.endsWith('.unit.test.ts'));

/**
 * `pnpm test:unit` runs only the tests that need no server, database or process. This takes seconds. `pnpm test` also
 * runs these tests.
 */
export default {
  projects: config.projects.filter(hasUnitTests).map((project) => ({
    ...Object.fromEntries(Object.entries(project).filter(([name]) => !REAL_PARTS.has(name))),
    testMatch: ['<rootDir>/test/**/*.unit.test.ts'],
    setupFiles: [script('forbid-real-parts.js')],
    moduleNameMapper: {
      '^(@electric-sql/pglite.*|pg|@muster/db/testing)$': script('forbid-databases.cjs'),
      ...project.moduleNameMapper,
    },
  })),
  testTimeout: config.testTimeout,
  maxWorkers: '100%',
};
