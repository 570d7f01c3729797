import base from '../../jest.config.base.js';

// The timeout is long, because one test runs a small but complete benchmark on its own PostgreSQL server.
export default { ...base, testTimeout: 180_000 };
