/** Creates a separate database for each test. The databases are real, and are cloned cheaply from a template. */
import { randomUUID } from 'node:crypto';

import type { PGlite } from '@electric-sql/pglite';
import pg from 'pg';

import type { Database, DatabaseEngine } from './database.js';
import { loadMigrations } from './migrations.js';
import { migrateEmbedded, openDatabase, type DatabaseOptions } from './open-database.js';
import { cachedTemplate, templateId } from './template.js';

export { loadMigrations };

/**
 * The environment variable with the URLs of the test servers. Each jest worker has its own server, and each URL
 * contains a superuser.
 */
const SERVER_URL = 'MUSTER_TEST_POSTGRES_URL';

/**
 * The key of a lock that keeps test processes from creating the template twice on one server. The number is arbitrary.
 */
const TEMPLATE_LOCK_KEY = 1836413045;

/** The property that scripts/test-environment.cjs adds to the tests' global object. */
declare const musterPglite: {
  /** Opens a clone of the template with this id. Calls `load` for the template once per jest worker. */
  openClone: (templateId: string, load: () => Promise<Blob>) => Promise<PGlite>;
};

/**
 * Options with long time limits, for tests that do not test time limits. On a busy machine, a server or a test can
 * stand still for seconds.
 */
export const PATIENT: DatabaseOptions = {
  connectTimeoutMs: 60_000,
  statementTimeoutMs: 60_000,
  queryTimeoutMs: 60_000,
  transactionTimeoutMs: 60_000,
  lockWaitMsMax: 60_000,
};

/** A database that is deleted when it is closed. */
export interface TestDatabase extends Database {
  /** The URL for a second process; null for an embedded database, which a second process cannot share. */
  readonly url: string | null;
}

/** Returns whether jest's global setup started a PostgreSQL server. If not, the setup prints what to install. */
export const hasTestServer = (): boolean => process.env[SERVER_URL] !== undefined;

/**
 * Returns jest's `describe` or `test` for tests that the embedded database cannot run. Without a server, these tests
 * are skipped, or fail if `MUSTER_TEST_REQUIRE_ALL` is 1.
 */
export const serverOnly = <Block extends { skip: unknown }>(block: Block): Block | Block['skip'] =>
  hasTestServer() ? block : block.skip;

/** Returns the available engines, for `describe.each`. */
export const testEngines = (): DatabaseEngine[] => (hasTestServer() ? ['pglite', 'postgresql'] : ['pglite']);

/** Opens a new, empty database with all migrations applied. `options` replace options of `PATIENT`. */
export function createTestDatabase(engine: DatabaseEngine, options: DatabaseOptions = {}): Promise<TestDatabase> {
  const allOptions = { ...PATIENT, ...options };
  return engine === 'pglite' ? createEmbedded(allOptions) : createOnServer(allOptions);
}

async function createEmbedded(options: DatabaseOptions): Promise<TestDatabase> {
  const migrations = await loadMigrations();
  const pglite = await musterPglite.openClone(await templateId(migrations), () => cachedTemplate(migrations));
  const embedded = { pglite, complete: () => Promise.resolve(), close: () => pglite.close() };
  return { ...(await migrateEmbedded(embedded, 'in memory', migrations, options)), url: null };
}

let serverTemplate: Promise<string> | undefined;

async function createOnServer(options: DatabaseOptions): Promise<TestDatabase> {
  const template = await (serverTemplate ??= ensureServerTemplate());
  const name = `muster_test_${randomUUID().replaceAll('-', '')}`;
  await withServer((server) => server.query(`CREATE DATABASE "${name}" TEMPLATE "${template}"`));
  const url = databaseUrl(name);
  const database = await openDatabase({ url }, options);
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await database.close();
    await withServer((server) => server.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`));
  };
  return { ...database, url, close: () => (closed ??= close()) };
}

/** Creates an empty database without migrations on the test server. Returns its URL and a function that drops it. */
export async function createEmptyServerDatabase(): Promise<{ url: string; drop: () => Promise<void> }> {
  const name = `muster_empty_${randomUUID().replaceAll('-', '')}`;
  await withServer((server) => server.query(`CREATE DATABASE "${name}" TEMPLATE template0`));
  return {
    url: databaseUrl(name),
    drop: () => withServer((server) => server.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)),
  };
}

/** Creates the template if the server lacks it, and returns its name. */
async function ensureServerTemplate(): Promise<string> {
  const template = `muster_template_${await templateId(await loadMigrations())}`;
  const exists = async (server: pg.Client): Promise<boolean> =>
    (await server.query('SELECT FROM pg_database WHERE datname = $1', [template])).rowCount === 1;

  await withServer(async (server) => {
    if (await exists(server)) return;
    await server.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK_KEY]);
    if (await exists(server)) return;
    // The template is created under another name and renamed when complete, so that an incomplete template is never
    // used.
    const unfinished = `${template}_unfinished`;
    await server.query(`DROP DATABASE IF EXISTS "${unfinished}" WITH (FORCE)`);
    await server.query(`CREATE DATABASE "${unfinished}" TEMPLATE template0`);
    await (await openDatabase({ url: databaseUrl(unfinished) }, PATIENT)).close();
    await server.query(`ALTER DATABASE "${unfinished}" RENAME TO "${template}"`);
  });
  return template;
}

function serverUrl(): string {
  const urls = process.env[SERVER_URL]?.split(' ') ?? [];
  const url = urls[Number(process.env['JEST_WORKER_ID'] ?? 1) - 1];
  if (url === undefined) throw new Error(`${SERVER_URL} has no PostgreSQL server for this worker.`);
  return url;
}

function databaseUrl(name: string): string {
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  return url.href;
}

/**
 * Runs `action` on a connection to the server's default database. Closing the connection releases the locks of its
 * session.
 */
async function withServer(action: (server: pg.Client) => Promise<unknown>): Promise<void> {
  const server = new pg.Client({ connectionString: serverUrl() });
  await server.connect();
  try {
    await action(server);
  } finally {
    await server.end();
  }
}
