/** `pnpm test:unit` loads this module instead of the modules that open databases. */
throw new Error('A unit test must not import a database: remove ".unit" from the name of its file.');
