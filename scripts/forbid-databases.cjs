/** Replaces modules that open databases in `pnpm test:unit`. */
throw new Error('A unit test must not import a database: remove ".unit" from the name of its file.');
