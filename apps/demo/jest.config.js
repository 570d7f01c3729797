import base from '../../jest.config.base.js';

// The tests use real processes and sockets, so a busy machine needs a generous timeout.
export default { ...base, testTimeout: 180_000 };
