import { type HostLabelChange, type HostLabels, HOST_LABELS_MAX, mergeHostLabels } from '@muster/contracts';
import type { Prisma } from '@muster/db';
import { isDeepStrictEqual } from 'node:util';
import { InvalidRequestError } from '../../errors.js';
import { recordAuditEntries } from '../audit/index.js';
import { recordHostEvents } from '../host-events/index.js';
import type { OperatorIdentity } from '../identity/index.js';
import { labelsBySource } from '../inventory/index.js';
import type { LockedHost } from './lock-hosts.sql.js';
import { writeLabels } from './write-labels.sql.js';

/**
 * Maximum number of hosts per statement. The labels of one host can have 25 kB, so this limit bounds the size of the
 * statement.
 */
const BATCH_HOSTS_MAX = 250;

/**
 * Sets and removes operator labels on locked hosts. Returns the ids of the hosts that changed.
 * @throws InvalidRequestError if a host would have too many operator labels.
 */
export function changeOperatorLabels(
  tx: Prisma.TransactionClient,
  operator: OperatorIdentity,
  hosts: readonly LockedHost[],
  { set, remove }: Pick<HostLabelChange, 'set' | 'remove'>,
  at: Date,
): Promise<string[]> {
  const requested = hosts.map((host) => {
    const kept = Object.entries(labelsBySource(host).operator).filter(([key]) => !remove.includes(key));
    const labels = { ...Object.fromEntries(kept), ...set };
    const count = Object.keys(labels).length;
    if (count > HOST_LABELS_MAX) {
      const message = `must leave at most ${HOST_LABELS_MAX} labels of operators: ${host.name} would have ${count}`;
      throw new InvalidRequestError(`The field set ${message}.`, [{ path: '/set', message }]);
    }
    return { host, labels };
  });
  return setOperatorLabels(tx, operator, requested, at);
}

/**
 * Replaces the labels that operators have set on locked hosts, and records the changes. Returns the ids of the hosts
 * that changed. Writes many hosts with one statement, because the hosts' reports wait for the locks.
 */
export async function setOperatorLabels(
  tx: Prisma.TransactionClient,
  { organizationId, actor }: OperatorIdentity,
  requested: readonly { host: LockedHost; labels: HostLabels }[],
  at: Date,
): Promise<string[]> {
  const changes = requested.flatMap(({ host, labels: operatorLabels }) => {
    const bySource = labelsBySource(host);
    if (isDeepStrictEqual(bySource.operator, operatorLabels)) return [];
    const labels = mergeHostLabels({ ...bySource, operator: operatorLabels });
    return [{ ...host, from: bySource.operator, operatorLabels, previous: mergeHostLabels(bySource), labels }];
  });
  for (let start = 0; start < changes.length; start += BATCH_HOSTS_MAX) {
    const batch = changes.slice(start, start + BATCH_HOSTS_MAX);
    await writeLabels(
      tx,
      batch.map(({ id, operatorLabels, labels }) => ({ id, operatorLabels, labels })),
      at,
    );
    await recordAuditEntries(
      tx,
      batch.map(({ id, name, from, operatorLabels: to }) => ({
        ...{ organizationId, at, actor, action: 'host.labels_changed' as const, target: `host:${id}` },
        details: { name, from, to },
      })),
    );
    await recordHostEvents(
      tx,
      batch
        .filter(({ previous, labels }) => !isDeepStrictEqual(previous, labels))
        .map(({ id: hostId, previous, labels }) => ({
          ...{ organizationId, hostId, kind: 'labels_changed' as const, at, recordedAt: at },
          from: { labels: previous },
          to: { labels },
        })),
    );
  }
  return changes.map(({ id }) => id);
}
