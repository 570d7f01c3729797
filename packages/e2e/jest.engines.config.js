import config from './jest.config.js';

const stable = ['docker-20.10', 'docker-26.1', 'podman-4.3', 'podman-5.4'];

/** `pnpm test:engines`: tests with real engines of stable releases. `--all` adds engines of unstable releases. */
export default {
  ...config,
  // The base configuration has a second reporter, which counts the tests of `pnpm test`. It is left out here.
  reporters: ['default'],
  testMatch: process.argv.includes('--all')
    ? ['<rootDir>/test/engines/*.engine.ts']
    : stable.map((engine) => `<rootDir>/test/engines/${engine}.engine.ts`),
  // Two workers suffice, because the engines mostly wait.
  maxWorkers: 2,
};
