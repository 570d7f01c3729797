/**
 * Prisma's schema engine, compiled to WebAssembly and run over an embedded database: what `prisma migrate diff` does,
 * on machines where Prisma's native engine cannot be had.
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

/** As much of it as is needed here: TypeScript has its types in the library of the browser only. */
declare const WebAssembly: {
  instantiate(binary: Uint8Array, imports: object): Promise<{ instance: { exports: Record<string, unknown> } }>;
};

type EngineModule = typeof engineModule;

/**
 * The package's own entry imports the .wasm as a module, which only bundlers can; this does the same by hand. Once
 * only: the JavaScript half keeps a view of the memory of the instance that it was given first.
 */
async function loadEngine(): Promise<EngineModule> {
  const require = createRequire(import.meta.url);
  const entry = require.resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const engine = await import('@prisma/schema-engine-wasm/schema_engine_bg');
  const binary = await readFile(`${dirname(entry)}/schema_engine_bg.wasm`);
  const { instance } = await WebAssembly.instantiate(binary, {
    './schema_engine_bg.js': engine,
  });
  // Where the engine leaves the message of its panic, and fails again if there is no such place.
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: { set_message: (message: string) => console.error(message) },
  });
  engine.__wbg_set_wasm(instance.exports);
  (instance.exports['__wbindgen_start'] as () => void)();
  return engine;
}

let loadedEngine: Promise<EngineModule> | undefined;

/** The catalogs' one-letter type, and one that adapter-pg knows and that the engine never asks for. */
const CHAR: number = pg.types.builtins.CHAR;
const CHAR_ARRAY = 1002;

/**
 * adapter-pg has no column type for `"char"`, the one-letter type of PostgreSQL's own catalogs, and the engine takes
 * nothing else for it. So such a column passes through the adapter as an array of them, and comes out as what it is.
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

/** The object with one of its methods replaced. The others keep the object itself as their `this`. */
function withMethod<T extends object>(object: T, name: keyof T, method: unknown): T {
  return new Proxy(object, {
    get: (target, key) => {
      if (key === name) return method;
      const own: unknown = Reflect.get(target, key);
      return typeof own === 'function' ? (own.bind(target) as unknown) : own;
    },
  });
}

/** The SQL that turns the database behind `pool` into what the Prisma schema describes; `''` where it already is. */
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
