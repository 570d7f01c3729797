/** Fills every table, and reads all tables as one comparable value. */
import type { Database } from '../src/database.js';
import { container, createHost } from './fixtures.js';

/** Inserts rows with values that are likely to be converted wrongly. */
export async function fillEveryTable(database: Database): Promise<void> {
  const { prisma } = database;
  const hostId = await createHost(database, 'engine "1"\t\\N');
  const at = new Date('2026-03-29T01:30:00.123Z');
  await prisma.host.update({
    where: { id: hostId },
    data: {
      revision: 7,
      digest: 'd',
      stateCounts: { running: 1 },
      observedAt: at,
      cloneSuspectedAt: at,
      stream: crypto.randomUUID(),
      sequence: 2n ** 53n + 1n,
      engineError: '',
    },
  });
  await prisma.hostFacts.create({
    data: {
      hostId,
      name: 'zażółć.example.org',
      addresses: ['192.0.2.7', '2001:db8::7'],
      kernel: '6.1.0',
      cpus: 64,
      memoryBytes: 2n ** 53n + 1n,
      engineFacts: { rootless: false, swarm: null },
    },
  });
  const hash = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
  const { id: enrollmentTokenId } = await prisma.enrollmentToken.create({
    data: {
      organizationId: 'org',
      hash,
      name: 'zażółć \u{1F433}',
      maxUses: 3,
      uses: 1,
      createdAt: at,
      expiresAt: at,
      createdBy: 'system',
    },
  });
  await prisma.agentToken.create({ data: { hash, hostId, enrollmentTokenId, createdAt: at } });
  await prisma.apiKey.create({ data: { organizationId: 'org', hash, name: 'key', role: 'admin', createdAt: at } });
  await prisma.container.createMany({
    data: [
      {
        ...container(hostId, 'a'),
        name: 'line\nbreak',
        command: '{"json": ["\\u0001", null]}',
        ports: [{ privatePort: 80, type: 'tcp' }],
        labels: JSON.parse('{"__proto__": "x", "": "", "big": "1e400"}') as object,
      },
      { ...container(hostId, 'b'), removedAt: at, startedAt: new Date('0001-01-01T00:00:00Z'), exitCode: -1 },
    ],
  });
  await prisma.auditEntry.create({
    data: { organizationId: 'org', at, actor: 'system', action: 'a', target: 't', details: { nothing: null } },
  });
  await prisma.serviceLiveness.create({ data: { aliveAt: at } });
  await prisma.serviceOutage.create({ data: { startedAt: at, endedAt: at } });
  await prisma.replica.create({
    data: { id: crypto.randomUUID(), version: '0.3.0', parserVersion: '3', startedAt: at, lastSeenAt: at },
  });
  await prisma.digestSalt.create({
    data: { parserVersion: '3', epoch: 1, isMixed: false, previousSalt: '2', changedAt: at },
  });
  await prisma.lease.create({ data: { name: 'retention', epoch: 2n ** 63n - 1n, expiresAt: at } });
  await prisma.retentionStep.create({ data: { step: 'events', succeededAt: at } });
  await fillAccounts(database, hash, at);
  await recordEvents(database, [{ name: 'evt-1' }, { name: 'evt-2' }]);
  await prisma.$executeRaw`
    INSERT INTO host_events (tx, id, "hostId", "organizationId", kind, "to", at, "recordedAt")
    SELECT pg_current_xact_id()::text::bigint, nextval('container_events_id_seq'), id, "organizationId", 'host_renamed',
      '{"name": "é"}', ${at}, ${at} FROM hosts LIMIT 1`;
}

async function fillAccounts({ prisma }: Database, hash: Uint8Array<ArrayBuffer>, at: Date): Promise<void> {
  const userId = crypto.randomUUID();
  const times = { createdAt: at, updatedAt: at };
  await prisma.user.create({ data: { id: userId, name: 'Zoë', email: 'zoë@example.org', ...times } });
  await prisma.account.create({
    data: { id: crypto.randomUUID(), userId, providerId: 'credential', accountId: 'a', password: 'x:y', ...times },
  });
  await prisma.session.create({ data: { id: crypto.randomUUID(), userId, token: 't', expiresAt: at, ...times } });
  await prisma.verification.create({
    data: { id: crypto.randomUUID(), identifier: '', value: '{}', expiresAt: at, ...times },
  });
  await prisma.member.create({ data: { organizationId: 'org', userId, role: 'owner', createdAt: at } });
  await prisma.invitation.create({
    data: { organizationId: 'org', hash, email: 'a@example.org', role: 'viewer', createdAt: at, expiresAt: at },
  });
  await prisma.setupToken.create({ data: { hash, createdAt: at } });
  await prisma.serviceSecret.create({ data: { value: 'secret' } });
}

/** Records events of the database's only host. Events without ids get this cluster's next ids. */
export async function recordEvents(
  { prisma }: Database,
  events: readonly { name: string; tx?: bigint; id?: bigint }[],
): Promise<void> {
  for (const { name, tx = null, id = null } of events) {
    await prisma.$executeRaw`
      INSERT INTO container_events (
        tx, id, "hostId", "organizationId", "dockerId", name, kind, "from", "to", "observedAt", "recordedAt")
      SELECT COALESCE(${tx}::bigint, pg_current_xact_id()::text::bigint),
        COALESCE(${id}::bigint, nextval('container_events_id_seq')), id, "organizationId", 'c', ${name}, 'created',
        NULL, '{"labels": {"a": null}}', now(), now()
      FROM hosts LIMIT 1`;
  }
}

/**
 * Reads the rows of each table in PostgreSQL's text form, sorted. Omits the ids of events, which differ between
 * clusters.
 */
export async function tablesAsText({ prisma }: Database): Promise<Record<string, string[]>> {
  const tables = await prisma.$queryRaw<{ name: string }[]>`
    SELECT relname::text AS name FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> '_prisma_migrations' ORDER BY 1`;
  const content: Record<string, string[]> = {};
  for (const { name } of tables) {
    const value = ['container_events', 'host_events'].includes(name) ? `to_jsonb(t) - 'tx' - 'id'` : 't';
    const rows = await prisma.$queryRawUnsafe<{ text: string }[]>(
      `SELECT (${value})::text AS text FROM "${name}" AS t`,
    );
    content[name] = rows.map(({ text }) => text).sort();
  }
  return content;
}
