import base from '../../jest.config.base.js';

// A test runs a small but complete benchmark on a separate PostgreSQL server.
export default { ...base, testTimeout: 180_000 };
