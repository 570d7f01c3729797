import base from '../../jest.config.base.js';

// Small machines can run only one engine and one database at a time.
export default { ...base, testTimeout: 120_000, maxWorkers: 1 };
