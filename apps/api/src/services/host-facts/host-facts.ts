import { mergeHostLabels, type HostFacts } from '@muster/contracts';
import { isUniqueViolation, transact, type Database, type Prisma } from '@muster/db';
import { isDeepStrictEqual } from 'node:util';
import { recordAuditEntry, type NewAuditEntry } from '../audit/index.js';
import { labelChanges, recordHostEvents, type NewHostEvent } from '../host-events/index.js';
import { isEngineOfOtherHost, lockHostRow, readStoredFacts, type StoredFacts } from './read-host.sql.js';

/**
 * Stores the facts in a heartbeat, and records what has changed. If nothing has changed, this is one read without a
 * lock. Does nothing if the host is gone, or if another stream has replaced `stream`, because the replaced agent may
 * run on another machine. Also does nothing if facts have changed, but `mayWrite` returns false. Resolves with the size
 * of the written history in bytes.
 */
export async function recordHostFacts(
  db: Database,
  hostId: string,
  stream: string | null,
  reported: HostFacts,
  at: Date,
  mayWrite: () => boolean,
): Promise<number> {
  const stored = await readStoredFacts(db.prisma, hostId, stream);
  if (stored === null || stored.isSuperseded || !hasChanges(stored, reported) || !mayWrite()) return 0;
  const write = () =>
    transact(db, async (tx) => {
      await lockHostRow(tx, hostId);
      return writeHostFacts(tx, hostId, stream, reported, at);
    });
  return write().catch((error: unknown) => {
    // Another host was given the same engine id in the meantime. The second attempt takes this into account.
    if (isUniqueViolation(error)) return write();
    throw error;
  });
}

/**
 * Stores the facts about a host whose row the transaction has locked, and records what has changed. Resolves with the
 * size of the written history in bytes.
 */
export async function writeHostFacts(
  tx: Prisma.TransactionClient,
  hostId: string,
  stream: string | null,
  reported: HostFacts,
  at: Date,
): Promise<number> {
  const stored = await readStoredFacts(tx, hostId, stream);
  if (stored === null || stored.isSuperseded) return 0;
  const { columns, facts } = changesOf(stored, reported);
  const { engineId } = columns;
  if (engineId !== undefined && (await isEngineOfOtherHost(tx, stored.organizationId, engineId))) {
    delete columns.engineId;
  }
  if (Object.keys(columns).length + Object.keys(facts).length === 0) return 0;
  // `recordHostEvents` requires that a new name is recorded before the host is changed.
  const historyBytes = await recordChanges(tx, hostId, stored, columns, at);
  await tx.host.update({ where: { id: hostId }, data: { ...columns, factsChangedAt: at } });
  if (Object.keys(facts).length > 0) {
    await tx.hostFacts.upsert({ where: { hostId }, create: { hostId, ...facts }, update: facts });
  }
  return historyBytes;
}

const hasChanges = (stored: StoredFacts, reported: HostFacts): boolean => {
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

/**
 * Records the changes of the table `hosts` in the audit log and the host's history. A trigger records upgrades.
 * Resolves with the size of the written history in bytes.
 */
async function recordChanges(
  tx: Prisma.TransactionClient,
  hostId: string,
  stored: StoredFacts,
  columns: ReturnType<typeof changesOf>['columns'],
  at: Date,
): Promise<number> {
  const { organizationId } = stored;
  const { name, engineId, agentLabels, labels } = columns;
  const entries: NewAuditEntry[] = [];
  const addEntry = (action: NewAuditEntry['action'], details: Prisma.InputJsonObject) =>
    entries.push({ organizationId, at, actor: `host:${hostId}`, target: `host:${hostId}`, action, details });
  const currentName = name ?? stored.name;
  if (name !== undefined) addEntry('host.renamed', { from: stored.name, to: name });
  if (agentLabels !== undefined) {
    const { from, to } = labelChanges(stored.agentLabels, agentLabels);
    const { omittedLabels } = to;
    const omitted = omittedLabels === undefined ? {} : { omittedLabels };
    addEntry('host.labels_changed', { name: currentName, from: from.labels, to: to.labels, ...omitted });
  }
  if (engineId !== undefined)
    addEntry('host.engine_changed', { name: currentName, from: stored.engineId, to: engineId });

  const events: NewHostEvent[] = [];
  const event = { organizationId, hostId, at, recordedAt: at };
  if (name !== undefined) events.push({ ...event, kind: 'host_renamed', from: { name: stored.name }, to: { name } });
  if (labels !== undefined) {
    events.push({ ...event, kind: 'labels_changed', from: { labels: stored.labels }, to: { labels } });
  }
  for (const entry of entries) await recordAuditEntry(tx, entry);
  return Buffer.byteLength(JSON.stringify(entries)) + (await recordHostEvents(tx, events));
}
