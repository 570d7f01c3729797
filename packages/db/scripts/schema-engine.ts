/**
 * Prisma's schema engine, compiled to WebAssembly and run over an embedded database: what `prisma migrate diff` does,
 * on machines where Prisma's native engine cannot be had.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';

import type { SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg';


type EngineModule = typeof import('@prisma/schema-engine-wasm/schema_engine_bg');

/** The package's own entry imports the .wasm as a module, which only bundlers can; this does the same by hand. */
async function loadEngine(): Promise<EngineModule> {
  const require = createRequire(import.meta.url);
  const entry = require.resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const engine = (await import('@prisma/schema-engine-wasm/schema_engine_bg')) as EngineModule;
  const binary = await readFile(`${dirname(entry)}/schema_engine_bg.wasm`);
  const { instance } = await WebAssembly.instantiate(binary, {
    './schema_engine_bg.js': engine as unknown as WebAssembly.ModuleImports,
  });
  engine.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
  return engine;
}

/**
 * adapter-pg refuses `"char"`, the one-letter type of PostgreSQL's own catalogs, which the engine reads: it is told
 * that they are text, as which they arrive anyway.
 */
function readCharAsText(pool: pg.Pool): pg.Pool {
  const query = pool.query.bind(pool) as (config: unknown) => Promise<pg.QueryResult>;
  const queryWithText = async (config: unknown): Promise<pg.QueryResult> => {
    const result = await query(config);
    for (const field of result.fields ?? []) {
      if (field.dataTypeID === pg.types.builtins.CHAR) field.dataTypeID = pg.types.builtins.TEXT;
    }
    return result;
  };
  return new Proxy(pool, {
    get: (target, key) => (key === 'query' ? queryWithText : (Reflect.get(target, key) as unknown)),
  });
}

/** The SQL that turns the database behind `pool` into what the Prisma schema describes; `''` where it already is. */
export async function diffDatabaseToSchema(pool: pg.Pool, schema: string): Promise<string> {
  const files = [{ path: 'schema.prisma', content: schema }];
  const { SchemaEngine } = await loadEngine();
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPg(readCharAsText(pool)));
  const engine: SchemaEngine = await SchemaEngine.new(
    { datamodels: files.map(({ path, content }) => [path, content]) },
    () => undefined,
    adapter,
  );
  try {
    const { stdout } = await engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: '.' },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    });
    const sql = stdout ?? '';
    return sql.includes('This is an empty migration') ? '' : sql;
  } finally {
    engine.free();
  }
}
