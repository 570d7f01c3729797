/** Reference: the implementation before `CONTAINER_FIELDS`, which `before-descriptors.test.ts` compares with the one in use. */
import type { Container, Port } from '@muster/contracts';
import { containerChanges, sameLabels, samePorts, type EventDraft } from './container-changes.js';
import type { ContainerFacts, ContainerRow } from './container-row.js';
import { NO_TOTALS, StateTally, type ContainerTotals } from '../../src/services/sync/state-counts.js';

/**
 * A stored row. If its digest equals the snapshot's, only `dockerId` is read. `removed` rows are read because the
 * snapshot names them again.
 */
type StoredContainer =
  { dockerId: string; equal: true } | { dockerId: string; equal: false; removed: boolean; row: ContainerFacts };

/** The fields that usually change during a container's life; the others rarely change after its creation. */
type ContainerPatch = Pick<
  ContainerRow,
  'dockerId' | 'state' | 'status' | 'startedAt' | 'health' | 'exitCode' | 'digest'
> & {
  /** Null: unchanged. */
  ports: Port[] | null;
  /** Whether more than the status text's age differs; if so, `changedAt` is updated. */
  changed: boolean;
};

/** The writes that make the stored rows equal a snapshot, and the events to record. */
interface SnapshotDiff {
  /** Rows to write as a whole: new ones, reappeared ones, and those with changes that a patch cannot express. */
  writes: ContainerRow[];
  patches: ContainerPatch[];
  /** `dockerId`s of present rows whose containers are absent from the snapshot. */
  removals: string[];
  events: EventDraft[];
  /** Number of unchanged rows. */
  unchanged: number;
  /** Change of the counts of the host's present containers. */
  totalChanges: ContainerTotals;
}

/**
 * Compares a host's stored rows with a snapshot whose `dockerId`s are unique. If the snapshot is incomplete, rows that
 * it does not name are left unchanged, except those in `removedIds`.
 */
export function diffSnapshot(
  stored: readonly StoredContainer[],
  incoming: readonly ContainerRow[],
  { complete, removedIds = [] }: { complete: boolean; removedIds?: readonly string[] },
): SnapshotDiff {
  const diff = emptyDiff(0);
  const tally = new StateTally();
  const storedById = new Map(stored.map((container) => [container.dockerId, container]));

  for (const row of incoming) {
    const before = storedById.get(row.dockerId);
    storedById.delete(row.dockerId);
    if (before === undefined) {
      tally.add(row);
      diff.writes.push(row);
      diff.events.push(draft('created', row, null, row.state));
    } else if (before.equal) {
      diff.unchanged += 1;
    } else if (before.removed) {
      tally.add(row);
      diff.writes.push(row);
      diff.events.push(draft('reappeared', row, null, row.state));
    } else {
      tally.remove(before.row);
      tally.add(row);
      const changes = containerChanges(before.row, row);
      if (sameConfiguration(before.row, row)) diff.patches.push(toPatch(before.row, row, changes.length > 0));
      else diff.writes.push(row);
      diff.events.push(...changes);
    }
  }

  const removed = new Set(removedIds);
  if (complete || removed.size > 0) {
    for (const absent of storedById.values()) {
      if (absent.equal || absent.removed || !(complete || removed.has(absent.dockerId))) continue;
      tally.remove(absent.row);
      diff.removals.push(absent.dockerId);
      diff.events.push(draft('removed', absent.row, absent.row.state, null));
    }
  }
  return { ...diff, totalChanges: tally.totals };
}

/** Returns a diff that changes nothing. */
const emptyDiff = (unchanged: number): SnapshotDiff => ({
  writes: [],
  patches: [],
  removals: [],
  events: [],
  unchanged,
  totalChanges: NO_TOTALS,
});

const draft = (
  kind: 'created' | 'reappeared' | 'removed',
  { dockerId, name, exitCode }: ContainerFacts,
  from: string | null,
  to: string | null,
): EventDraft => ({ dockerId, name, kind, from, to, exitCode });

const sameConfiguration = (a: Container, b: Container): boolean =>
  a.name === b.name &&
  a.image === b.image &&
  a.imageId === b.imageId &&
  a.command === b.command &&
  sameLabels(a.labels, b.labels) &&
  sameTruncated(a.truncated, b.truncated);

const sameTruncated = (a: readonly string[] = [], b: readonly string[] = []): boolean =>
  a.length === b.length && a.every((field, index) => field === b[index]);

function toPatch(from: ContainerFacts, to: ContainerRow, changed: boolean): ContainerPatch {
  const { dockerId, state, status, startedAt, health, exitCode, digest } = to;
  const ports = samePorts(from.ports, to.ports) ? null : to.ports;
  return { dockerId, state, status, startedAt, health, exitCode, digest, ports, changed };
}

/** Whether two rows of one container report the same. Equivalent to comparing their digests, but faster. */
export const sameContainer = (a: Container, b: Container): boolean =>
  a.status === b.status &&
  a.state === b.state &&
  a.startedAt === b.startedAt &&
  sameConfiguration(a, b) &&
  samePorts(a.ports, b.ports);
