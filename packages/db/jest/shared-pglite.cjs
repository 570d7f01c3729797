/** Replaces `@electric-sql/pglite` in tests: the same PGlite, but compiled once per jest worker. */
const { isNativeError } = require('node:util').types;

exports.PGlite = {
  create: async (options) => {
    try {
      return await globalThis.musterPglite.create(options);
    } catch (error) {
      // Errors from outside the test's context are not instances of its `Error`.
      if (isNativeError(error)) throw new Error(error.message, { cause: error });
      throw error;
    }
  },
};
