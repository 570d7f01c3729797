/**
 * Runs Prisma's schema engine, compiled to WebAssembly, on an embedded database. It does what `prisma migrate diff`
 * does, on machines where Prisma's native engine is not available.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  type SqlMigrationAwareDriverAdapterFactory,
  type SqlQuery,
} from '@prisma/driver-adapter-utils';
import type * as engineModule from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

/** The parts of WebAssembly used here; TypeScript declares it only in its browser library. */
declare const WebAssembly: {
  instantiate(binary: Uint8Array, imports: object): Promise<{ instance: { exports: Record<string, unknown> } }>;
};

type EngineModule = typeof engineModule;

/**
 * Loads the engine. Reads the .wasm file itself, because the package's entry imports the file as a module, which only
 * bundlers support. Call this only once: the engine's JavaScript part keeps a view of the first instance's memory.
 */
async function loadEngine(): Promise<EngineModule> {
  const require = createRequire(import.meta.url);
  const entry = require.resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const engine = await import('@prisma/schema-engine-wasm/schema_engine_bg');
  const binary = await readFile(`${dirname(entry)}/schema_engine_bg.wasm`);
  const { instance } = await WebAssembly.instantiate(binary, {
    './schema_engine_bg.js': engine,
  });
  // On a panic, the engine passes its message to this global object. Without the object, the engine fails a second time
  // and the message is lost.
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: { set_message: (message: string) => console.error(message) },
  });
  engine.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
  return engine;
}

let loadedEngine: Promise<EngineModule> | undefined;

/**
 * The type id of `"char"`, the one-letter type of PostgreSQL's catalogs. The engine uses this type, but adapter-pg does
 * not support it.
 */
const CHAR: number = pg.types.builtins.CHAR;
/** The type id of `"char"` arrays. adapter-pg supports this type. */
const CHAR_ARRAY = 1002;

/**
 * Wraps a pool for the engine. The engine needs `"char"`, the one-letter type of PostgreSQL's catalogs, but adapter-pg
 * does not support it. Columns of this type therefore pass through the adapter as `"char"` arrays, and are converted
 * back afterwards.
 */
function catalogReader(pool: pg.Pool): SqlMigrationAwareDriverAdapterFactory {
  const query = pool.query.bind(pool) as (config: unknown) => Promise<pg.QueryResult>;
  const disguised = async (config: unknown): Promise<pg.QueryResult> => {
    const result = await query(config);
    for (const field of result.fields) if (field.dataTypeID === CHAR) field.dataTypeID = CHAR_ARRAY;
    return result;
  };
  const factory = new PrismaPg(withMethod(pool, 'query', disguised));
  return withMethod(factory, 'connect', async () => {
    const adapter = await factory.connect();
    return withMethod(adapter, 'queryRaw', async (request: SqlQuery) => {
      const result = await adapter.queryRaw(request);
      const columnTypes = result.columnTypes.map((type) =>
        type === ColumnTypeEnum.CharacterArray ? ColumnTypeEnum.Character : type,
      );
      return { ...result, columnTypes };
    });
  });
}

/** Returns the object with one method replaced. The other methods keep the object as their `this`. */
function withMethod<T extends object>(object: T, name: keyof T, method: unknown): T {
  return new Proxy(object, {
    get: (target, key) => {
      if (key === name) return method;
      const own: unknown = Reflect.get(target, key);
      return typeof own === 'function' ? (own.bind(target) as unknown) : own;
    },
  });
}

/** Returns the SQL that makes the database of `pool` match the Prisma schema; `''` if the database already matches. */
export async function diffDatabaseToSchema(pool: pg.Pool, schema: string): Promise<string> {
  const files = [{ path: 'schema.prisma', content: schema }];
  const { SchemaEngine } = await (loadedEngine ??= loadEngine());
  const adapter = bindMigrationAwareSqlAdapterFactory(catalogReader(pool));
  const engine = await SchemaEngine.new(
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
