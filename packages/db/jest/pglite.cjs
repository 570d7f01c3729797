/** Opens embedded databases for tests. This module is loaded once per jest worker: see scripts/test-environment.cjs. */
const { Blob, Buffer } = require('node:buffer');
const { readFileSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { PGlite } = require('@electric-sql/pglite');
const { pg_trgm } = require('@electric-sql/pglite/contrib/pg_trgm');

const dist = dirname(require.resolve('@electric-sql/pglite'));
const compile = (name) => WebAssembly.compile(readFileSync(join(dist, name)));

/**
 * Prisma's query compiler. V8 reuses a compiled module only as long as something refers to it. Without this reference,
 * each test file would compile the module again.
 */
const { wasm } = require('@prisma/client/runtime/query_compiler_fast_bg.postgresql.wasm-base64.js');
exports.queryCompiler = new WebAssembly.Module(Buffer.from(wasm, 'base64'));

let parts;
/** The parts of PGlite that all databases share. */
const shared = () =>
  (parts ??= Promise.all([compile('pglite.wasm'), compile('initdb.wasm')]).then(
    ([pgliteWasmModule, initdbWasmModule]) => ({
      pgliteWasmModule,
      initdbWasmModule,
      fsBundle: new Blob([readFileSync(join(dist, 'pglite.data'))]),
      extensions: { pg_trgm },
    }),
  ));

/**
 * Like `PGlite.create`, but uses the parts that all databases of the worker share. These include the only extension
 * that Muster needs.
 */
exports.create = async (options) => PGlite.create({ ...options, ...(await shared()) });

const templates = new Map();

/** Opens a clone of the template with this id. Calls `load` for the template once per jest worker. */
exports.openClone = async (templateId, load) => {
  if (!templates.has(templateId)) templates.set(templateId, await load());
  return exports.create({ loadDataDir: templates.get(templateId) });
};
