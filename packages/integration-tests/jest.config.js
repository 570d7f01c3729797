import base from '../../jest.config.base.js';

// One engine and one database at a time is what a small machine can bear.
export default { ...base, testTimeout: 120_000, maxWorkers: 1 };
