import { fieldsWith, type Container, type FieldsWith } from '@muster/contracts';
import { containerChanges, toEventDraft, type EventDraft } from './container-changes.js';
import { isList, sameFields, sameValues } from './field-comparison.js';
import { keepKnownExit, type ContainerFacts, type ContainerRow } from './container-row.js';
import { createYielder } from '../../lib/yielder.js';
import { addTotals, NO_TOTALS, StateTally, type ContainerTotals } from './state-counts.js';

/**
 * A stored row. If the row's digest equals the digest of the snapshot's container, only `dockerId` is read. A `removed`
 * row is read only if the snapshot contains its container again.
 */
export type StoredContainer =
  { dockerId: string; equal: true } | { dockerId: string; equal: false; removed: boolean; row: ContainerFacts };

/**
 * The fields that usually change while a container exists. All other fields rarely change after the container is
 * created.
 */
const LIFE_FIELDS = fieldsWith('change', 'life');
type LifeFields = Pick<Container, FieldsWith<'change', 'life'>>;

/** The changed columns of a row. The values of absent fields are null; an absent list is unchanged. */
export type ContainerPatch = Partial<LifeFields> &
  Pick<ContainerRow, 'dockerId' | 'digest'> &
  Partial<Pick<ContainerRow, 'health' | 'exitCode'>> & {
    /** Whether `changedAt` is updated: if anything other than the age in the status text differs. */
    changed?: true;
  };

/** The writes that update the stored rows to match a snapshot, and the events to record. */
export interface SnapshotDiff {
  /** The rows to write completely: new rows, reappeared rows, and rows with changes that a patch cannot express. */
  writes: ContainerRow[];
  patches: ContainerPatch[];
  /** The `dockerId`s of present rows whose containers no longer exist according to the snapshot. */
  removals: string[];
  events: EventDraft[];
  /** Number of unchanged rows. */
  unchanged: number;
  /** Whether a row keeps an exit that the snapshot does not contain. */
  keepsExit: boolean;
  /** By how much the counts of the host's present containers change. */
  totalChanges: ContainerTotals;
}

/**
 * Compares a host's stored rows with a snapshot whose `dockerId`s are unique. If the snapshot is incomplete, rows of
 * containers that it does not contain are left unchanged, except those in `removedIds`. A stored exit replaces an exit
 * in `incoming` that is missing or whose cause is unknown.
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
    // A retry reuses the rows, so reset `changed`.
    if (row.changed === false) row.changed = undefined;
    if (before === undefined) {
      tally.add(row);
      diff.writes.push(row);
      diff.events.push(toLifecycleEvent('created', row, null, row.state));
    } else if (before.equal) {
      diff.unchanged += 1;
    } else if (before.removed) {
      diff.keepsExit = keepKnownExit(row, before.row) || diff.keepsExit;
      tally.add(row);
      diff.writes.push(row);
      diff.events.push(toLifecycleEvent('reappeared', row, null, row.state));
    } else {
      if (keepKnownExit(row, before.row)) {
        diff.keepsExit = true;
        if (equalsStored(row, before.row)) {
          diff.unchanged += 1;
          continue;
        }
      }
      tally.remove(before.row);
      tally.add(row);
      const changes = containerChanges(before.row, row);
      if (sameConfiguration(before.row, row)) diff.patches.push(toPatch(before.row, row, changes.length > 0));
      else {
        if (changes.length === 0) row.changed = false;
        diff.writes.push(row);
      }
      diff.events.push(...changes);
    }
  }

  const removed = new Set(removedIds);
  if (complete || removed.size > 0) {
    for (const absent of storedById.values()) {
      if (absent.equal || absent.removed || !(complete || removed.has(absent.dockerId))) continue;
      tally.remove(absent.row);
      diff.removals.push(absent.dockerId);
      diff.events.push(toLifecycleEvent('removed', absent.row, absent.row.state, null));
    }
  }
  return { ...diff, totalChanges: tally.totals };
}

/** Returns a diff that changes nothing and counts `unchanged` rows as unchanged. */
export const emptyDiff = (unchanged: number): SnapshotDiff => ({
  writes: [],
  patches: [],
  removals: [],
  events: [],
  unchanged,
  keepsExit: false,
  totalChanges: NO_TOTALS,
});

/** Appends `more`, a diff of other containers of the same host, to `diff`. */
export function appendDiff(diff: SnapshotDiff, more: SnapshotDiff): void {
  diff.writes.push(...more.writes);
  diff.patches.push(...more.patches);
  diff.removals.push(...more.removals);
  diff.events.push(...more.events);
  diff.unchanged += more.unchanged;
  diff.keepsExit ||= more.keepsExit;
  diff.totalChanges = addTotals(diff.totalChanges, more.totalChanges);
}

/**
 * Number of containers compared between two checks of whether to yield. The number is small, because each container can
 * have hundreds of changed labels.
 */
const CHUNK_CONTAINERS = 20;

/** Returns the same diff as `diffSnapshot`, but yields to the event loop during a long list. */
export async function diffSnapshotWithYields(
  stored: readonly StoredContainer[],
  incoming: readonly ContainerRow[],
  options: { complete: boolean; removedIds?: readonly string[] },
): Promise<SnapshotDiff> {
  const yielder = createYielder();
  const diff = emptyDiff(0);
  const storedById = new Map(stored.map((container) => [container.dockerId, container]));
  for (let start = 0; start < incoming.length; start += CHUNK_CONTAINERS) {
    const rows = incoming.slice(start, start + CHUNK_CONTAINERS);
    const before = rows.flatMap(({ dockerId }) => storedById.get(dockerId) ?? []);
    for (const { dockerId } of rows) storedById.delete(dockerId);
    appendDiff(diff, diffSnapshot(before, rows, { complete: false }));
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
  }
  appendDiff(diff, diffSnapshot([...storedById.values()], [], options));
  return diff;
}

const toLifecycleEvent = (
  kind: 'created' | 'reappeared' | 'removed',
  container: ContainerFacts,
  from: string | null,
  to: string | null,
): EventDraft => toEventDraft(kind, container, { from, to, exitCode: container.exitCode, image: container.image });

const CONFIGURATION_FIELDS = fieldsWith('change', 'configuration');
const sameConfigurationFields = sameFields(CONFIGURATION_FIELDS);

/**
 * Returns whether two rows differ only in fields that a patch can write. Compares the derived columns, too: they are
 * computed from configuration fields, but an earlier version of Muster may have stored other values, or none.
 */
const sameConfiguration = (a: ContainerFacts, b: ContainerFacts): boolean =>
  sameConfigurationFields(a, b) &&
  a.isInfra === b.isInfra &&
  a.workloadKind === b.workloadKind &&
  a.project === b.project &&
  a.service === b.service &&
  a.instance === b.instance;

/**
 * Returns whether a row equals the stored row. Only rows whose exit was replaced need this comparison. For all other
 * rows, the digests are compared.
 */
const equalsStored = (row: ContainerFacts, stored: ContainerFacts): boolean =>
  isSameContainer(row, stored) && sameConfiguration(row, stored) && row.exitCode === stored.exitCode;

const LIFE_SINGLE_VALUES = LIFE_FIELDS.filter((name) => !isList(name));
const LIFE_LISTS = LIFE_FIELDS.filter(isList).map((name) => ({
  name,
  same: sameValues(name),
}));

function toPatch(from: ContainerFacts, to: ContainerRow, isChanged: boolean): ContainerPatch {
  const patch: ContainerPatch = { dockerId: to.dockerId, digest: to.digest };
  if (isChanged) patch.changed = true;
  if (to.health !== null) patch.health = to.health;
  if (to.exitCode !== null) patch.exitCode = to.exitCode;
  const fields: Record<string, unknown> = patch;
  for (const name of LIFE_SINGLE_VALUES) if (to[name] !== null && to[name] !== undefined) fields[name] = to[name];
  for (const { name, same } of LIFE_LISTS) if (!same(from[name], to[name])) fields[name] = to[name];
  return patch;
}

/**
 * Returns true if two rows of one container are equal. Comparing their digests would give the same result, but take
 * longer.
 */
export const isSameContainer = sameFields([...LIFE_FIELDS, ...CONFIGURATION_FIELDS]);
