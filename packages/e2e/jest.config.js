import base from '../../jest.config.base.js';

// jest takes these from the whole configuration only, and not from projects.
const { reporters, testTimeout, ...project } = base;

const projectOf = (name, options = {}) => ({
  ...project,
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  ...options,
});

export default {
  reporters,
  // The browser tests need the most.
  testTimeout: 3 * testTimeout,
  // A small machine can only run one engine, database, browser or fleet at a time.
  maxWorkers: 1,
  projects: [
    projectOf('integration'),
    projectOf('browser', {
      globalSetup: '@muster/testkit/jest-postgres-setup',
      globalTeardown: '@muster/testkit/jest-postgres-teardown',
    }),
    projectOf('faults'),
  ],
};
