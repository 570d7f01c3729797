/** Tests how migrations are applied to databases in every possible state. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';

import type { Database } from '../src/database.js';
import {
  DatabaseTooNewError,
  DatabaseUnsuitableError,
  MigrationFailedError,
  MigrationHistoryError,
} from '../src/errors.js';
import { Prisma } from '../src/generated/prisma/client.js';
import { loadMigrations } from '../src/migrations.js';
import { migrationsDirectory } from '../src/package-paths.js';
import { openDatabase } from '../src/open-database.js';
import { cachedTemplate } from '../src/template.js';
import { createEmptyServerDatabase, PATIENT, serverOnly, testEngines } from '../src/testing.js';
import {
  container,
  emptyDatabase,
  rejectionOf,
  temporaryDirectory,
  writeMigrations,
  type EmptyDatabase,
} from './fixtures.js';

const FIRST = { '20260101000000_first': 'CREATE TABLE first (id int PRIMARY KEY);' };
const SECOND = { '20260102000000_second': 'CREATE TABLE second (id int PRIMARY KEY); INSERT INTO first VALUES (1);' };
const BROKEN = {
  '20260103000000_broken': 'CREATE TABLE third (id int); INSERT INTO first VALUES (2); SELECT nonsense();',
};
const BROKEN_FIXED = { '20260103000000_broken': 'CREATE TABLE third (id int);' };

describe.each(testEngines())('on %s,', (engine) => {
  let target: EmptyDatabase;
  let folder: { path: string; remove: () => Promise<void> };

  /** A closed embedded database with the first migration. Tests use copies of this database. */
  let databaseWithFirst: EmptyDatabase;

  beforeAll(async () => {
    // Without the template, creating each of these databases would take six seconds.
    await cachedTemplate([]);
    databaseWithFirst = await emptyDatabase(engine);
    const { path, remove } = await temporaryDirectory();
    await writeMigrations(path, FIRST);
    await (await databaseWithFirst.open({ migrationsDirectory: path })).close();
    await remove();
  });
  afterAll(() => databaseWithFirst.remove());
  beforeEach(async () => {
    folder = await temporaryDirectory();
    target = await emptyDatabase(engine);
  });
  afterEach(async () => {
    await target.remove();
    await folder.remove();
  });

  const openWith = async (migrations: Record<string, string>): Promise<Database> => {
    await writeMigrations(folder.path, migrations);
    return target.open({ migrationsDirectory: folder.path });
  };

  /** Applies the first migration to the database and closes it. */
  async function applyFirst(): Promise<void> {
    await writeMigrations(folder.path, FIRST);
    if (databaseWithFirst.dataDir === null || target.dataDir === null) await (await openWith(FIRST)).close();
    // Copying a database is faster than creating one.
    else await cp(databaseWithFirst.dataDir, target.dataDir, { recursive: true });
  }

  const sqlOf = (name: string) => readFile(join(migrationsDirectory, name, 'migration.sql'), 'utf8');

  /** Opens the database with this package's migrations up to, but not including, `migration`. */
  const openBefore = async (migration: string): Promise<Database> => {
    const earlier = (await loadMigrations()).filter(({ name }) => name < migration);
    return openWith(
      Object.fromEntries(await Promise.all(earlier.map(async ({ name }) => [name, await sqlOf(name)] as const))),
    );
  };

  const tablesOf = async ({ prisma }: Database): Promise<string[]> => {
    const rows = await prisma.$queryRaw<{ name: string }[]>`
      SELECT table_name::text AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1`;
    return rows.map(({ name }) => name);
  };

  test('the migrations of this version are applied once, and recorded as Prisma records them', async () => {
    const own = await loadMigrations();
    const first = await target.open();
    // An embedded database may start from a template that already contains the migrations.
    if (engine === 'postgresql') expect(first.appliedMigrations).toEqual(own.map(({ name }) => name));
    const rows = await first.prisma.$queryRaw`
      SELECT migration_name, checksum, applied_steps_count, logs, rolled_back_at, finished_at IS NOT NULL AS finished
      FROM _prisma_migrations ORDER BY started_at`;
    expect(rows).toEqual(
      await Promise.all(
        own.map(async ({ name }) => ({
          migration_name: name,
          checksum: createHash('sha256')
            .update(await readFile(join(migrationsDirectory, name, 'migration.sql')))
            .digest('hex'),
          applied_steps_count: 1,
          logs: null,
          rolled_back_at: null,
          finished: true,
        })),
      ),
    );
    await first.close();

    const second = await target.open();
    expect(second.appliedMigrations).toEqual([]);
    await second.close();
  });

  test('a migration counts containers in unusual states as `other`', async () => {
    const NAME = '20261128030100_other_states';
    const before = await openBefore(NAME);
    const hostOf = async (engineId: string, stateCounts: object, rows: object[]) => {
      // Raw SQL, because the client would write columns that later migrations add.
      const [host] = await before.prisma.$queryRaw<{ id: string }[]>`
        WITH organization AS (
          INSERT INTO organizations (id, name, slug) VALUES ('org', 'Org', 'org') ON CONFLICT DO NOTHING
        )
        INSERT INTO hosts (id, "organizationId", name, "engineId", "engineName", "engineVersion", "engineApiVersion",
          os, arch, "agentVersion", "enrolledAt", revision, "stateCounts")
        VALUES (gen_random_uuid(), 'org', 'host', ${engineId}, '', '', '', '', '', '', now(), 3, ${stateCounts}::jsonb)
        RETURNING id::text`;
      const hostId = host!.id;
      const data = rows.map((row, index) => ({ ...container(hostId, `c${index}`), ...row }));
      const columns = Prisma.raw([...new Set(data.flatMap(Object.keys))].map((name) => `"${name}"`).join());
      await before.prisma.$executeRaw(Prisma.sql`INSERT INTO containers (${columns})
        SELECT ${columns} FROM json_populate_recordset(NULL::containers, ${JSON.stringify(data)}::json)`);
      return hostId;
    };
    const odd = await hostOf('odd', { running: 1, hibernating: 2, 'health:healthy': 3 }, [
      { state: 'running', health: 'healthy' },
      { state: 'hibernating' },
      { state: 'adrift' },
      { state: 'health:healthy' },
      { state: 'adrift', removedAt: new Date() },
    ]);
    const usual = await hostOf('usual', { running: 1 }, [{ state: 'running' }]);
    await before.close();

    const after = await openWith({ [NAME]: await sqlOf(NAME) });
    const hosts = await after.prisma.host.findMany({ select: { id: true, stateCounts: true, revision: true } });
    expect(new Map(hosts.map(({ id, ...rest }) => [id, rest]))).toEqual(
      new Map([
        [odd, { stateCounts: { running: 1, other: 3, 'health:healthy': 1 }, revision: 4 }],
        [usual, { stateCounts: { running: 1 }, revision: 3 }],
      ]),
    );
    await after.close();
  });

  test('no API key expires after the year 9999, including keys from before the migration', async () => {
    const NAME = '20261128070000_api_key_end';
    const ENDS = [null, '2027-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '10000-01-01T13:59:59Z', 'infinity'];
    const insertKey = ({ prisma }: Database, id: number, expiresAt: string | null) =>
      // Raw SQL, because the client would write columns that later migrations add.
      prisma.$executeRaw`
        INSERT INTO api_keys (id, "organizationId", hash, name, role, "createdAt", "expiresAt")
        VALUES (gen_random_uuid(), 'org', sha256(convert_to(${String(id)}, 'UTF8')), ${String(id)}, 'viewer', now(), ${expiresAt}::text::timestamptz)`;
    const before = await openBefore(NAME);
    await before.prisma.$executeRaw`INSERT INTO organizations (id, name, slug) VALUES ('org', 'Org', 'org')`;
    for (const [id, expiresAt] of ENDS.entries()) await insertKey(before, id, expiresAt);
    await before.close();

    const after = await openWith({ [NAME]: await sqlOf(NAME) });
    const keys = await after.prisma.apiKey.findMany({ orderBy: { name: 'asc' }, select: { expiresAt: true } });
    expect(keys.map(({ expiresAt }) => expiresAt?.toISOString() ?? null)).toEqual([
      null,
      '2027-01-01T00:00:00.000Z',
      '9999-12-31T23:59:59.999Z',
      '9999-12-31T23:59:59.999Z',
      '9999-12-31T23:59:59.999Z',
    ]);
    await expect(insertKey(after, 9, '10000-01-01T00:00:00Z')).rejects.toThrow('api_keys_expiresAt_check');
    await after.close();
  });

  test('the history of an existing host begins with an enrollment event, which is not sent to stream clients', async () => {
    const FIRST_NAME = '20261130161600_expired_clone_suspicions';
    const before = await openBefore(FIRST_NAME);
    await before.prisma.$executeRaw`INSERT INTO organizations (id, name, slug) VALUES ('org', 'Org', 'org')`;
    // Raw SQL, because the client would write columns that later migrations add.
    await before.prisma.$executeRaw`
      INSERT INTO hosts (id, "organizationId", name, "engineId", "engineName", "engineVersion", "engineApiVersion", os,
        arch, "agentVersion", "enrolledAt", "observedAt", "lastSeenAt", "leftAt", "deletedAt", "cloneSuspectedAt")
      SELECT gen_random_uuid(), 'org', name, name, '', '', '', '', '', '', '2026-01-01T00:00:00Z', now(), now(), left_at, deleted_at,
        suspected_at
      FROM (VALUES
        ('old clone', NULL::timestamptz, NULL::timestamptz, now() - interval '25 hours'),
        ('clone', NULL, NULL, now()), ('left', '2026-02-01T00:00:00Z', NULL, NULL), ('deleted', NULL, now(), NULL)
      ) AS host (name, left_at, deleted_at, suspected_at)`;
    await before.prisma.$executeRaw`
      INSERT INTO audit_entries ("organizationId", at, actor, action, target)
      SELECT 'org', now(), 'system', 'host.renamed', 'host:' || id FROM hosts WHERE name = 'left'`;
    await before.close();

    const later = (await loadMigrations()).filter(({ name }) => name >= FIRST_NAME);
    const files = await Promise.all(later.map(async ({ name }) => [name, await sqlOf(name)] as const));
    const after = await openWith(Object.fromEntries(files));
    const hosts = await after.prisma.host.findMany({ include: { hostEvents: { orderBy: { id: 'asc' } } } });
    const historyOf = (hostName: string) => {
      const { hostEvents, cloneSuspectedAt, nameSetByOperator } = hosts.find(({ name }) => name === hostName)!;
      const events = hostEvents.map(({ kind, at, tx }) => [kind, at.toISOString().slice(0, 10), tx]);
      return { events, isSuspected: cloneSuspectedAt !== null, nameSetByOperator };
    };
    const enrolled = ['host_enrolled', '2026-01-01', 2n];
    expect(historyOf('old clone')).toEqual({ events: [enrolled], isSuspected: false, nameSetByOperator: false });
    expect(historyOf('clone')).toEqual({ events: [enrolled], isSuspected: true, nameSetByOperator: false });
    expect(historyOf('left')).toEqual({
      events: [enrolled, ['host_left', '2026-02-01', 2n]],
      isSuspected: false,
      nameSetByOperator: true,
    });
    expect(historyOf('deleted').events).toEqual([]);
    await after.close();
  });

  test('a migration that changes the schema does not change rows in the same transaction', async () => {
    const changesSchema = /^(?:ALTER TABLE|CREATE TRIGGER)/m;
    const changesRows = /^(?:INSERT INTO|UPDATE|DELETE FROM)/m;
    for (const { name } of (await loadMigrations()).filter(({ name: each }) => each >= '20261130161600')) {
      const sql = await sqlOf(name);
      expect([name, changesSchema.test(sql) && changesRows.test(sql)]).toEqual([name, false]);
    }
  });

  test('a later version applies its new migrations in order', async () => {
    await applyFirst();
    const later = await openWith({ ...BROKEN_FIXED, ...SECOND });
    expect(later.appliedMigrations).toEqual(['20260102000000_second', '20260103000000_broken']);
    expect(await tablesOf(later)).toEqual(['_prisma_migrations', 'first', 'second', 'third']);
    await later.close();
  });

  test('a failing migration fails the start with its name in the error, and leaves a new database empty', async () => {
    const error = await rejectionOf(
      openWith({ '20260101000000_first': 'CREATE TABLE first (id int); SELECT nonsense();' }),
    );
    expect(error).toBeInstanceOf(MigrationFailedError);
    expect(error.message).toBe(
      'The migration 20260101000000_first failed: function nonsense() does not exist. ' +
        'It was rolled back, and the database is unchanged.',
    );
    const repaired = await openWith(FIRST);
    expect(repaired.appliedMigrations).toEqual(['20260101000000_first']);
    expect(await tablesOf(repaired)).toEqual(['_prisma_migrations', 'first']);
    await repaired.close();
  });

  test('a migration that needs a missing extension fails with advice', async () => {
    const error = await rejectionOf(openWith({ '20260101000000_first': 'CREATE EXTENSION pg_nonesuch;' }));
    expect(error).toBeInstanceOf(MigrationFailedError);
    expect(error.message).toMatch(/does not have the extension pg_nonesuch, .* install its contrib modules/);
  });

  test('a failing migration leaves an older database unchanged, except for earlier successful migrations', async () => {
    await applyFirst();
    await expect(openWith({ ...SECOND, ...BROKEN })).rejects.toThrow('20260103000000_broken failed');

    const repaired = await openWith(BROKEN_FIXED);
    expect(repaired.appliedMigrations).toEqual(['20260103000000_broken']);
    expect(await repaired.prisma.$queryRaw`SELECT id FROM first`).toEqual([{ id: 1 }]);
    await repaired.close();
  });

  test('a database written by a newer version is rejected and not changed', async () => {
    await (await openWith({ ...FIRST, ...SECOND })).close();
    await folder.remove();
    const error = await rejectionOf(openWith({ ...FIRST, ...BROKEN }));
    expect(error).toBeInstanceOf(DatabaseTooNewError);
    expect(error.message).toContain('20260102000000_second');
  });

  test('a migration that was changed after it was applied is rejected', async () => {
    await applyFirst();
    const error = await rejectionOf(
      openWith({ '20260101000000_first': 'CREATE TABLE first (id bigint PRIMARY KEY);' }),
    );
    expect(error).toBeInstanceOf(MigrationHistoryError);
    expect(error.message).toContain('20260101000000_first');
  });

  test("a migration that Prisma's tool started but did not finish is rejected until an operator resolves it", async () => {
    await applyFirst();
    const database = await openWith(FIRST);
    await database.prisma.$executeRaw`UPDATE _prisma_migrations SET finished_at = NULL`;
    await database.close();
    await expect(openWith(FIRST)).rejects.toThrow(MigrationHistoryError);
  });

  test('a migration that was resolved as rolled back is applied again', async () => {
    await applyFirst();
    const database = await openWith(FIRST);
    await database.prisma.$executeRaw`UPDATE _prisma_migrations SET finished_at = NULL, rolled_back_at = now()`;
    await database.prisma.$executeRaw`DROP TABLE first`;
    await database.close();
    const again = await openWith(FIRST);
    expect(again.appliedMigrations).toEqual(['20260101000000_first']);
    await again.close();
  });

  test("a database with another application's tables is rejected", async () => {
    await applyFirst();
    const database = await openWith(FIRST);
    await database.prisma.$executeRaw`DROP TABLE _prisma_migrations`;
    await database.close();
    const error = await rejectionOf(openWith(FIRST));
    expect(error).toBeInstanceOf(DatabaseUnsuitableError);
    expect(error.message).toContain('such as first');
  });
});

// The embedded database has only one user, who has all permissions.
serverOnly(describe)('a user of a server', () => {
  test('gets advice on how to create a needed extension if it has no permission to create extensions', async () => {
    const { url, drop } = await createEmptyServerDatabase();
    const role = `guest_${randomUUID().replaceAll('-', '')}`;
    const owner = new pg.Client({ connectionString: url });
    await owner.connect();
    await owner.query(`CREATE ROLE ${role} LOGIN PASSWORD 'guest'; GRANT ALL ON SCHEMA public TO ${role}`);
    const asGuest = Object.assign(new URL(url), { username: role, password: 'guest' }).href;
    try {
      const error = await rejectionOf(openDatabase({ url: asGuest }, PATIENT));
      expect(error).toBeInstanceOf(MigrationFailedError);
      expect(error.message).toMatch(/may not create the extension pg_trgm: .*"CREATE EXTENSION pg_trgm"/);
      await owner.query('CREATE EXTENSION pg_trgm');
      await (await openDatabase({ url: asGuest }, PATIENT)).close();
    } finally {
      await owner.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`);
      await owner.end();
      await drop();
    }
  });
});

// Replicas cannot share an embedded database.
serverOnly(describe).each(['postgresql'] as const)('replicas on %s', (engine) => {
  test('all succeed and apply each migration once if they start concurrently on an empty database', async () => {
    const target = await emptyDatabase(engine);
    const folder = await temporaryDirectory();
    // The first migration is slow, so that all replicas start before it is applied.
    await writeMigrations(folder.path, {
      '20260101000000_slow': 'SELECT pg_sleep(0.3); CREATE TABLE first (id int PRIMARY KEY);',
      '20260102000000_more': 'CREATE TABLE second (id int PRIMARY KEY);',
    });
    const replicas = await Promise.all(
      Array.from({ length: 6 }, () => target.open({ migrationsDirectory: folder.path })),
    );
    expect(replicas.flatMap(({ appliedMigrations }) => appliedMigrations).sort()).toEqual([
      '20260101000000_slow',
      '20260102000000_more',
    ]);
    expect(await replicas[0]!.prisma.$queryRaw`SELECT count(*)::int AS n FROM _prisma_migrations`).toEqual([{ n: 2 }]);
    await Promise.all(replicas.map((replica) => replica.close()));
    await target.remove();
    await folder.remove();
  });

  test('wait for a migration that takes longer than the query timeout', async () => {
    const target = await emptyDatabase(engine);
    const folder = await temporaryDirectory();
    await writeMigrations(folder.path, { '20260101000000_slow': 'SELECT pg_sleep(1); CREATE TABLE first (id int);' });
    const shortTimeouts = { migrationsDirectory: folder.path, statementTimeoutMs: 200, queryTimeoutMs: 300 };
    const replicas = await Promise.all([target.open(shortTimeouts), target.open(shortTimeouts)]);
    expect(replicas.flatMap(({ appliedMigrations }) => appliedMigrations)).toEqual(['20260101000000_slow']);
    await Promise.all(replicas.map((replica) => replica.close()));
    await target.remove();
    await folder.remove();
  });
});
