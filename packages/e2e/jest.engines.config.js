import config from './jest.config.js';

const stable = ['docker-20.10', 'docker-26.1', 'podman-4.3', 'podman-5.4'];

/** `pnpm test:engines`: real engines of stable releases. With `--all`, also those of unstable releases. */
export default {
  ...config,
  // Without the other reporter of the base configuration, which counts the tests of `pnpm test`.
  reporters: ['default'],
  testMatch: process.argv.includes('--all')
    ? ['<rootDir>/test/engines/*.engine.ts']
    : stable.map((engine) => `<rootDir>/test/engines/${engine}.engine.ts`),
  // The engines mostly wait.
  maxWorkers: 2,
};
