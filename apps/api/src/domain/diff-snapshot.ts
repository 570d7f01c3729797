import { containerChanges, type EventDraft } from './container-changes.js';
import type { ContainerRow } from './container-row.js';

/**
 * A row as the database has it. Of one whose digest equals the snapshot's, only `dockerId` is read: there is nothing
 * to learn from the rest. `removed` rows are there because the snapshot names them again.
 */
export type StoredContainer =
  { dockerId: string; equal: true } | { dockerId: string; equal: false; removed: boolean; row: ContainerRow };

/** A row to write; `changed` when more than its status text's age differs, which is what `changedAt` tells. */
export interface ContainerWrite extends ContainerRow {
  changed: boolean;
}

/** What makes the stored rows equal a snapshot, and what to tell of it. */
export interface SnapshotDiff {
  writes: ContainerWrite[];
  /** `dockerId`s of present rows that the snapshot no longer has. */
  removals: string[];
  events: EventDraft[];
  /** How many rows are left alone. */
  unchanged: number;
}

/**
 * Compares what is stored of a host with a snapshot of it, whose `dockerId`s are unique. Where the snapshot is not
 * complete, what it does not name is left as it is.
 */
export function diffSnapshot(
  stored: readonly StoredContainer[],
  incoming: readonly ContainerRow[],
  { complete }: { complete: boolean },
): SnapshotDiff {
  const diff: SnapshotDiff = { writes: [], removals: [], events: [], unchanged: 0 };
  const storedById = new Map(stored.map((container) => [container.dockerId, container]));

  for (const row of incoming) {
    const before = storedById.get(row.dockerId);
    storedById.delete(row.dockerId);
    if (before === undefined) {
      diff.writes.push({ ...row, changed: true });
      diff.events.push(draft('created', row, null, row.state));
    } else if (before.equal) {
      diff.unchanged += 1;
    } else if (before.removed) {
      diff.writes.push({ ...row, changed: true });
      diff.events.push(draft('reappeared', row, null, row.state));
    } else {
      const changes = containerChanges(before.row, row);
      diff.writes.push({ ...row, changed: changes.length > 0 });
      diff.events.push(...changes);
    }
  }

  if (complete) {
    for (const absent of storedById.values()) {
      if (absent.equal || absent.removed) continue;
      diff.removals.push(absent.dockerId);
      diff.events.push(draft('removed', absent.row, absent.row.state, null));
    }
  }
  return diff;
}

const draft = (
  kind: 'created' | 'reappeared' | 'removed',
  { dockerId, name, exitCode }: ContainerRow,
  from: string | null,
  to: string | null,
): EventDraft => ({ dockerId, name, kind, from, to, exitCode });
