import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import base from './jest.config.base.js';

const packages = ['apps', 'packages']
  .flatMap((folder) => readdirSync(join(import.meta.dirname, folder)).map((name) => join(folder, name)))
  .map((path) => join(import.meta.dirname, path))
  .filter((path) => existsSync(join(path, 'jest.config.js')));

const configs = await Promise.all(
  packages.map(async (rootDir) => ({ rootDir, ...(await import(join(rootDir, 'jest.config.js'))).default })),
);

/** Options that jest accepts for a whole run only, and not for a project. */
const RUN_OPTIONS = new Set(['maxWorkers', 'reporters', 'testTimeout']);

/** `pnpm test`: the tests of all packages in one run. In the directory of a package, `jest` runs only its tests. */
export default {
  projects: configs.map((config) =>
    Object.fromEntries(Object.entries(config).filter(([name]) => !RUN_OPTIONS.has(name))),
  ),
  reporters: base.reporters,
  testTimeout: Math.max(...configs.map(({ testTimeout }) => testTimeout)),
  // One more than there are processors, because some tests mostly wait.
  maxWorkers: availableParallelism() + 1,
  workerIdleMemoryLimit: '1GB',
  testSequencer: '<rootDir>/scripts/slowest-tests-first.js',
};
