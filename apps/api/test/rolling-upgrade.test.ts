/**
 * Tests that replicas of version 0.2.0 keep working after a replica of this version has migrated the database.
 * `rolling-upgrade/v0.2.0.json` contains recorded statements. A replica of version 0.2.0
 * (its commit is in docs/benchmarks/baselines.json) sent them for a series of requests. The values and the numbers of
 * returned rows are recorded as well.
 */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { formatToken } from '@muster/contracts';
import { serverOnly } from '@muster/db/testing';
import { readFileSync } from 'node:fs';
import { hashToken } from '../src/lib/tokens.js';
import { container } from './fixtures.js';
import { TestHost, TestOrganization, useApi } from './harness.js';

interface RecordedStatement {
  /** The request for which the statement was sent. */
  request: string;
  text: string;
  values: unknown[];
  rows: number;
}

const STATEMENTS = JSON.parse(
  readFileSync(new URL('rolling-upgrade/v0.2.0.json', import.meta.url), 'utf8'),
) as RecordedStatement[];

// The ids and tokens of the recorded requests.
const ORGANIZATION = 'default';
const KEY_ID = '44444444-4444-8444-8444-444444444444';
const HOST_IDS = ['11111111-1111-8111-8111-111111111111', '22222222-2222-8222-8222-222222222222'] as const;
const recordedToken = (kind: 'key' | 'agent', byte: number) => formatToken(kind, Buffer.alloc(32, byte));

/** Positions of values in the statement of version 0.2.0 that patches containers. */
const PATCH_VALUES = { revision: 1, newDigest: 4, sequence: 8, baseDigest: 17 };

// Replicas cannot share an embedded database.
serverOnly(describe)('on a database that this version migrated, a replica of version 0.2.0', () => {
  const context = useApi('postgresql');
  let host: TestHost;

  /** Runs a recorded statement as the old replica does, and returns the rows. */
  const run = ({ text }: RecordedStatement, index: number, values: readonly unknown[]) =>
    context.api.db.query({ name: `old_${index}`, text }, values);

  beforeAll(async () => {
    const { db, clock } = context.api;
    const key = recordedToken('key', 1);
    await db.prisma.organization.create({ data: { id: ORGANIZATION, name: 'Default', slug: 'default' } });
    await db.prisma.apiKey.create({
      data: {
        id: KEY_ID,
        organizationId: ORGANIZATION,
        hash: hashToken(key),
        name: 'key',
        role: 'admin',
        createdAt: clock(),
      },
    });
    for (const [index, id] of HOST_IDS.entries()) {
      const engine = { engineId: `host-${index + 1}`, engineName: 'Docker', engineVersion: '', engineApiVersion: '' };
      const machine = { os: '', arch: '', agentVersion: '0.2.0', enrolledAt: clock() };
      const hash = hashToken(recordedToken('agent', 2 + index));
      const tokens = { create: { hash, createdAt: clock(), firstUsedAt: clock() } };
      const name = engine.engineId;
      await db.prisma.host.create({ data: { id, organizationId: ORGANIZATION, name, ...engine, ...machine, tokens } });
    }
    host = new TestHost(new TestOrganization(context.api, ORGANIZATION, key), HOST_IDS[0], recordedToken('agent', 2));
  });

  test('gets the same numbers of rows from its statements as on its own schema', async () => {
    for (const [index, statement] of STATEMENTS.entries()) {
      const { request, values, rows } = statement;
      const returned = await run(statement, index, values);
      expect({ request, statement: index, rows: returned.length }).toEqual({ request, statement: index, rows });
    }
    expect(Object.keys(await host.present())).toEqual(['a', 'c']);
  });

  test('and a replica of this version write the same host in turn without losing a change', async () => {
    // The old version does not count failed containers. This version counts them when it compares a snapshot with rows.
    const failed = container('a', { state: 'exited', status: 'Exited (1) 2 seconds ago', ports: [] });
    const summary = await host.sync([failed, container('c')]);
    expect(summary).toMatchObject({ applied: true, created: 0, updated: 2, removed: 0 });
    expect(await host.host()).toMatchObject({ containerCount: 2, failedCount: 1 });

    const index = STATEMENTS.findIndex(({ request }) => request === 'container failed');
    const patch = STATEMENTS[index]!;
    const { revision, digest } = await host.host();
    const values = [...patch.values];
    values[PATCH_VALUES.revision] = revision;
    values[PATCH_VALUES.baseDigest] = digest;
    values[PATCH_VALUES.newDigest] = 'digest of the old version';
    values[PATCH_VALUES.sequence] = 5;
    expect(await run(patch, index, values)).toEqual([expect.objectContaining({ revision: revision + 1 })]);

    // This version has cached its own snapshot, which the old version has overwritten.
    const last = await host.sync([container('a'), container('c'), container('d')]);
    expect(last).toMatchObject({ applied: true, created: 1, removed: 0, revision: revision + 2 });
    expect(Object.keys(await host.present())).toEqual(['a', 'c', 'd']);
    expect((await host.present())['a']).toMatchObject({ state: 'running' });
    expect(await host.host()).toMatchObject({ containerCount: 3, failedCount: 0 });
  });
});

// These statements come from versions 0.3 and 0.4, which record no host events.
serverOnly(describe)('a change that a replica of an earlier version makes to a host', () => {
  const context = useApi('postgresql');

  const eventsOf = async ({ id }: TestHost) => {
    const events = await context.api.db.prisma.hostEvent.findMany({
      where: { hostId: id },
      orderBy: [{ tx: 'asc' }, { id: 'asc' }],
    });
    return events.map(({ kind, from, to }) => [kind, from, to]);
  };

  test('appears once in the history of the host', async () => {
    const { api } = context;
    const { prisma } = api.db;
    const organization = await api.organization();
    const old = await organization.enroll({ name: 'old' });
    await prisma.hostEvent.deleteMany({ where: { hostId: old.id } });
    const { engineId } = await old.host();
    const enrolled = ['host_enrolled', null, { name: 'old', engineId }];
    await old.sync([container('a')]);
    expect(await eventsOf(old)).toEqual([enrolled]);

    await prisma.$executeRaw`UPDATE hosts SET name = 'renamed' WHERE id = ${old.id}::uuid`;
    const leftAt = api.clock();
    await prisma.$executeRaw`UPDATE hosts SET "leftAt" = ${leftAt} WHERE id = ${old.id}::uuid`;
    api.clock.advance(3_600_000);
    await prisma.$executeRaw`
      UPDATE hosts SET "lastSeenAt" = ${api.clock()}, "leftAt" = NULL, "streamHeardAt" = NULL, "engineError" = NULL,
        "agentProblems" = '[]' WHERE id = ${old.id}::uuid`;
    expect((await eventsOf(old)).slice(1)).toEqual([
      ['host_renamed', { name: 'old' }, { name: 'renamed' }],
      ['host_left', null, null],
      ['host_enrolled', { state: 'left', since: leftAt.toISOString() }, { name: 'renamed', engineId, again: true }],
    ]);
    expect((await old.host()).endedSilences).toBeNull();
  });

  test('is not undone by a later heartbeat if the change is a new name', async () => {
    const host = await (await context.api.organization()).enroll({ name: 'machine' });
    await context.api.db.prisma.$executeRaw`UPDATE hosts SET name = 'operator' WHERE id = ${host.id}::uuid`;
    expect(await host.host()).toMatchObject({ nameSetByOperator: true });
    await host.beat({ digest: null, facts: { name: 'machine' } }).expect(200);
    expect(await host.host()).toMatchObject({ name: 'operator' });
  });
});
