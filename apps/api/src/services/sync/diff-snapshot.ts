import type { Container, Port } from '@muster/contracts';
import { containerChanges, sameLabels, samePorts, type EventDraft } from './container-changes.js';
import type { ContainerFacts, ContainerRow } from './container-row.js';
import { createTurnTaking } from '../../lib/yield-if-busy.js';
import { addTotals, NO_TOTALS, StateTally, type ContainerTotals } from './state-counts.js';

/**
 * A row as the database has it. Of one whose digest equals the snapshot's, only `dockerId` is read: there is nothing
 * to learn from the rest. `removed` rows are there because the snapshot names them again.
 */
export type StoredContainer =
  { dockerId: string; equal: true } | { dockerId: string; equal: false; removed: boolean; row: ContainerFacts };

/** The fields in which a container that lives on changes; the others stay from its creation on, as a rule. */
export type ContainerPatch = Pick<
  ContainerRow,
  'dockerId' | 'state' | 'status' | 'startedAt' | 'health' | 'exitCode' | 'digest'
> & {
  /** Null: as they were. */
  ports: Port[] | null;
  /** Whether more than the status text's age differs, which is what `changedAt` tells. */
  changed: boolean;
};

/** What makes the stored rows equal a snapshot, and what to tell of it. */
export interface SnapshotDiff {
  /** Rows to write as a whole: new ones, removed ones that are back, and those that changed beyond a patch. */
  writes: ContainerRow[];
  patches: ContainerPatch[];
  /** `dockerId`s of present rows that the snapshot no longer has. */
  removals: string[];
  events: EventDraft[];
  /** How many rows are left alone. */
  unchanged: number;
  /** How the counts of the host's present containers change by all this. */
  totalChanges: ContainerTotals;
}

/**
 * Compares what is stored of a host with a snapshot of it, whose `dockerId`s are unique. Where the snapshot is not
 * complete, what it does not name is left as it is, but for those that it says are gone.
 */
export function diffSnapshot(
  stored: readonly StoredContainer[],
  incoming: readonly ContainerRow[],
  { complete, goneIds = [] }: { complete: boolean; goneIds?: readonly string[] },
): SnapshotDiff {
  const diff = noChange(0);
  const tally = new StateTally();
  const storedById = new Map(stored.map((container) => [container.dockerId, container]));

  for (const row of incoming) {
    const before = storedById.get(row.dockerId);
    storedById.delete(row.dockerId);
    if (before === undefined) {
      tally.came(row);
      diff.writes.push(row);
      diff.events.push(draft('created', row, null, row.state));
    } else if (before.equal) {
      diff.unchanged += 1;
    } else if (before.removed) {
      tally.came(row);
      diff.writes.push(row);
      diff.events.push(draft('reappeared', row, null, row.state));
    } else {
      tally.went(before.row);
      tally.came(row);
      const changes = containerChanges(before.row, row);
      if (sameConfiguration(before.row, row)) diff.patches.push(toPatch(before.row, row, changes.length > 0));
      else diff.writes.push(row);
      diff.events.push(...changes);
    }
  }

  const gone = new Set(goneIds);
  if (complete || gone.size > 0) {
    for (const absent of storedById.values()) {
      if (absent.equal || absent.removed || !(complete || gone.has(absent.dockerId))) continue;
      tally.went(absent.row);
      diff.removals.push(absent.dockerId);
      diff.events.push(draft('removed', absent.row, absent.row.state, null));
    }
  }
  return { ...diff, totalChanges: tally.totals };
}

/** A diff of rows that are left alone. */
export const noChange = (unchanged: number): SnapshotDiff => ({
  ...{ writes: [], patches: [], removals: [], events: [], unchanged, totalChanges: NO_TOTALS },
});

/** Adds a diff of other containers of the same host to one. */
export function appendDiff(diff: SnapshotDiff, more: SnapshotDiff): void {
  diff.writes.push(...more.writes);
  diff.patches.push(...more.patches);
  diff.removals.push(...more.removals);
  diff.events.push(...more.events);
  diff.unchanged += more.unchanged;
  diff.totalChanges = addTotals(diff.totalChanges, more.totalChanges);
}

/** Containers that are compared without a pause: each may have hundreds of labels that changed. */
const PIECE_CONTAINERS = 20;

/** As `diffSnapshot`, a long list piece by piece: other work goes on in between. */
export async function diffSnapshotInTurns(
  stored: readonly StoredContainer[],
  incoming: readonly ContainerRow[],
  options: { complete: boolean; goneIds?: readonly string[] },
): Promise<SnapshotDiff> {
  const turns = createTurnTaking();
  const diff = noChange(0);
  const storedById = new Map(stored.map((container) => [container.dockerId, container]));
  for (let start = 0; start < incoming.length; start += PIECE_CONTAINERS) {
    const rows = incoming.slice(start, start + PIECE_CONTAINERS);
    const before = rows.flatMap(({ dockerId }) => storedById.get(dockerId) ?? []);
    for (const { dockerId } of rows) storedById.delete(dockerId);
    appendDiff(diff, diffSnapshot(before, rows, { complete: false }));
    if (turns.due()) await turns.yieldTurn();
  }
  appendDiff(diff, diffSnapshot([...storedById.values()], [], options));
  return diff;
}

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

/** Whether two rows of one container are equal in all that a snapshot says of them. Cheaper than their digests, and the same. */
export const sameContainer = (a: Container, b: Container): boolean =>
  a.status === b.status &&
  a.state === b.state &&
  a.startedAt === b.startedAt &&
  sameConfiguration(a, b) &&
  samePorts(a.ports, b.ports);
