import { mergeHostLabels, type HostFacts } from '@muster/contracts';
import { isUniqueViolation, transact, type Database, type Prisma } from '@muster/db';
import { isDeepStrictEqual } from 'node:util';
import { recordAuditEntry } from '../audit/index.js';
import { recordHostEvents } from '../host-events/index.js';
import { isEngineOfOtherHost, lockHostRow, readStoredFacts, type StoredFacts } from './read-host.sql.js';

/**
 * Stores the facts in a heartbeat, and records what has changed. If nothing has changed, this is one read without a
 * lock. Does nothing if the host is gone, or if another stream has replaced `stream`, because the replaced agent may run
 * on another machine.
 */
export async function recordHostFacts(
  db: Database,
  hostId: string,
  stream: string | null,
  reported: HostFacts,
  at: Date,
): Promise<void> {
  const stored = await readStoredFacts(db.prisma, hostId, stream);
  if (stored === null || stored.isSuperseded || !differs(stored, reported)) return;
  const write = () =>
    transact(db, async (tx) => {
      await lockHostRow(tx, hostId);
      await writeHostFacts(tx, hostId, stream, reported, at);
    });
  await write().catch((error: unknown) => {
    // Another host has got the same engine in the meantime, which the second attempt takes into account.
    if (isUniqueViolation(error)) return write();
    throw error;
  });
}

/** Stores the facts about a host whose row the transaction has locked, and records what has changed. */
export async function writeHostFacts(
  tx: Prisma.TransactionClient,
  hostId: string,
  stream: string | null,
  reported: HostFacts,
  at: Date,
): Promise<void> {
  const stored = await readStoredFacts(tx, hostId, stream);
  if (stored === null || stored.isSuperseded) return;
  const { columns, facts } = changesOf(stored, reported);
  const { engineId } = columns;
  if (engineId !== undefined && (await isEngineOfOtherHost(tx, stored.organizationId, engineId))) {
    delete columns.engineId;
  }
  if (Object.keys(columns).length + Object.keys(facts).length === 0) return;
  await tx.host.update({ where: { id: hostId }, data: { ...columns, factsChangedAt: at } });
  if (Object.keys(facts).length > 0) {
    await tx.hostFacts.upsert({ where: { hostId }, create: { hostId, ...facts }, update: facts });
  }
  await recordChanges(tx, hostId, stored, columns, at);
}

const differs = (stored: StoredFacts, reported: HostFacts): boolean => {
  const { columns, facts } = changesOf(stored, reported);
  return Object.keys(columns).length + Object.keys(facts).length > 0;
};

type Changed<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** Returns the entries of `next` that are defined and differ from those of `stored`. */
const changedEntries = <T extends object>(stored: { [Key in keyof T]: unknown }, next: T): Changed<T> =>
  Object.fromEntries(
    Object.entries(next).filter(
      ([key, value]) => value !== undefined && !isDeepStrictEqual(value, stored[key as keyof T]),
    ),
  ) as Changed<T>;

/** Returns the values that change in the tables `hosts` and `host_facts`. */
function changesOf(stored: StoredFacts, facts: HostFacts) {
  const { name, engineId, labels: agentLabels, addresses, kernel, cpus, memoryBytes, engineFacts } = facts;
  const labels =
    agentLabels &&
    mergeHostLabels({
      operator: stored.operatorLabels,
      agent: agentLabels,
      enrollmentToken: stored.enrollmentTokenLabels,
    });
  return {
    columns: changedEntries(stored, {
      name: stored.nameSetByOperator ? undefined : name,
      engineId,
      agentLabels,
      labels,
    }),
    facts: changedEntries(
      { ...stored, name: stored.reportedName },
      {
        name,
        addresses,
        kernel,
        cpus,
        memoryBytes: memoryBytes === undefined ? undefined : BigInt(memoryBytes),
        engineFacts,
      },
    ),
  };
}

/** Records the changes of the table `hosts` in the audit log and the host's history. A trigger records upgrades. */
async function recordChanges(
  tx: Prisma.TransactionClient,
  hostId: string,
  stored: StoredFacts,
  columns: ReturnType<typeof changesOf>['columns'],
  at: Date,
): Promise<void> {
  const { organizationId } = stored;
  const { name, engineId, agentLabels, labels } = columns;
  const entry = { organizationId, at, actor: `host:${hostId}`, target: `host:${hostId}` } as const;
  if (name !== undefined) {
    await recordAuditEntry(tx, { ...entry, action: 'host.renamed', details: { from: stored.name, to: name } });
  }
  const current = { name: name ?? stored.name };
  if (agentLabels !== undefined) {
    const details = { ...current, from: stored.agentLabels, to: agentLabels };
    await recordAuditEntry(tx, { ...entry, action: 'host.labels_changed', details });
  }
  if (engineId !== undefined) {
    const details = { ...current, from: stored.engineId, to: engineId };
    await recordAuditEntry(tx, { ...entry, action: 'host.engine_changed', details });
  }
  const event = { organizationId, hostId, at, recordedAt: at };
  await recordHostEvents(tx, [
    ...(name === undefined
      ? []
      : [{ ...event, kind: 'host_renamed' as const, from: { name: stored.name }, to: { name } }]),
    ...(labels === undefined
      ? []
      : [{ ...event, kind: 'labels_changed' as const, from: { labels: stored.labels }, to: { labels } }]),
  ]);
}
