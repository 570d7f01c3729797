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

/** Whether the command line selects tests, as `pnpm test NAME` does. A config file or a number is an option's value. */
const isSelection = process.argv
  .slice(2)
  .some((argument) => !argument.startsWith('-') && !/\.config\.js$|^\d+$/.test(argument));

/**
 * Returns patterns of test files to ignore, so that no test runs twice. A file in `test/groups` imports small test
 * files, so that they load the application only once, and the small files are ignored. `pnpm test NAME` runs the small
 * files and ignores the groups.
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

/** Options that jest accepts for a whole run only, and not for a project. */
const RUN_OPTIONS = new Set(['maxWorkers', 'reporters', 'testTimeout']);

/** `pnpm test`: the tests of all packages in one run. In the directory of a package, `jest` runs only its tests. */
export default {
  projects: configs.map((config) => ({
    ...Object.fromEntries(Object.entries(config).filter(([name]) => !RUN_OPTIONS.has(name))),
    testPathIgnorePatterns: ['/node_modules/', ...ignored(config.rootDir)],
  })),
  reporters: base.reporters,
  testTimeout: Math.max(...configs.map(({ testTimeout }) => testTimeout)),
  // One more than there are processors, because some tests mostly wait.
  maxWorkers: availableParallelism() + 1,
  workerIdleMemoryLimit: '1GB',
  testSequencer: '<rootDir>/scripts/slowest-tests-first.js',
};
