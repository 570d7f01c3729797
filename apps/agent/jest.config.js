import base from '../../jest.config.base.js';

// Tests use real processes and sockets, so a busy machine needs a generous timeout.
export default { ...base, testTimeout: 2 * base.testTimeout };
