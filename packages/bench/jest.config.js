import base from '../../jest.config.base.js';

// A whole benchmark, if a small one, on a server of its own.
export default { ...base, testTimeout: 180_000 };
