import base from '../../jest.config.base.js';

// Real processes and sockets: generous, so that a busy machine makes a test slow and not red.
export default { ...base, testTimeout: 180_000 };
