import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import base from './jest.config.base.js';

const packages = ['apps', 'packages']
  .flatMap((folder) => readdirSync(join(import.meta.dirname, folder)).map((name) => join(folder, name)))
  .map((path) => join(import.meta.dirname, path))
  .filter((path) => existsSync(join(path, 'jest.config.js')));

const configs = await Promise.all(
  packages.map(async (rootDir) => ({ rootDir, ...(await import(join(rootDir, 'jest.config.js'))).default })),
);

/**
 * Whether the command line selects tests by name, as in `pnpm test NAME`. A config file or a number is the value of an
 * option, not a name.
 */
const isSelection = process.argv
  .slice(2)
  .some((argument) => !argument.startsWith('-') && !/\.config\.js$|^\d+$/.test(argument));

/**
 * Returns patterns of the test files that jest ignores, so that no test runs twice. Each file in `test/groups` imports
 * several small test files, so that the application is loaded only once for all of them. A run of all tests uses the
 * groups and ignores these small files. `pnpm test NAME` uses the small files and ignores the groups.
 */
function ignored(rootDir) {
  const directory = join(rootDir, 'test/groups');
  if (!existsSync(directory)) return [];
  if (isSelection) return ['/test/groups/'];
  const imports = readdirSync(directory).flatMap((name) => [
    ...readFileSync(join(directory, name), 'utf8').matchAll(/^import '\.\.\/(.+)\.js';$/gm),
  ]);
  return imports.map(([, name]) => `/${basename(rootDir)}/test/${name}.ts$`);
}

/** Options that jest accepts only for a whole run, not for a single project. */
const RUN_OPTIONS = new Set(['maxWorkers', 'reporters', 'testTimeout']);

/**
 * `pnpm test` runs the tests of all packages in one run. In a package's directory, `jest` runs only the tests of that
 * package.
 */
export default {
  projects: configs.map((config) => ({
    ...Object.fromEntries(Object.entries(config).filter(([name]) => !RUN_OPTIONS.has(name))),
    testPathIgnorePatterns: ['/node_modules/', ...ignored(config.rootDir)],
  })),
  reporters: base.reporters,
  testTimeout: Math.max(...configs.map(({ testTimeout }) => testTimeout)),
  // One worker more than there are processors, because some tests mostly wait.
  maxWorkers: availableParallelism() + 1,
  workerIdleMemoryLimit: '1GB',
  testSequencer: '<rootDir>/scripts/slowest-tests-first.js',
};
