import type { ContainerEvent } from '@muster/contracts';

/** The fields of an event that are needed to compute the counts before the event. */
export type StateChange = Pick<ContainerEvent, 'kind' | 'from' | 'to' | 'recordedAt'>;

/** The number of containers in each state at one point in time (`at`, in milliseconds). */
export interface StatePoint {
  at: number;
  byState: Readonly<Record<string, number>>;
}

const STATE_CHANGE_KINDS: ReadonlySet<ContainerEvent['kind']> = new Set([
  'created',
  'reappeared',
  'removed',
  'started',
  'exited',
  'restarted',
  'paused',
  'unpaused',
  'looping',
]);

/**
 * Computes the counts by state over time. The history stores only the state changes, so the function starts with the
 * counts at `now` and computes earlier counts backwards. `changes` must be sorted from newest to oldest. The returned
 * points are sorted from oldest to newest: one before and one after each change, and one at `now`. Nothing is known
 * from before the oldest change, so the first point is the one directly before it.
 */
export function stateHistory(
  byState: Readonly<Record<string, number>>,
  changes: readonly StateChange[],
  now: number,
): StatePoint[] {
  const points: StatePoint[] = [{ at: now, byState }];
  let counts = byState;
  for (const change of changes) {
    if (!STATE_CHANGE_KINDS.has(change.kind)) continue;
    const at = Math.min(Date.parse(change.recordedAt), points.at(-1)!.at);
    points.push({ at, byState: counts });
    counts = undoChange(counts, change);
    points.push({ at, byState: counts });
  }
  return points.reverse();
}

function undoChange(
  counts: Readonly<Record<string, number>>,
  { from, to }: StateChange,
): Readonly<Record<string, number>> {
  if (from === to) return counts;
  const countsBefore = { ...counts };
  // The history lacks changes that were undone between two reports. Without this limit, the count could fall below 0.
  if (typeof to === 'string') countsBefore[to] = Math.max(0, (countsBefore[to] ?? 0) - 1);
  if (typeof from === 'string') countsBefore[from] = (countsBefore[from] ?? 0) + 1;
  return countsBefore;
}

/** Samples the history at `count` evenly spaced times from `since` to `until`. */
export function sampleHistory(
  points: readonly StatePoint[],
  since: number,
  until: number,
  count: number,
): StatePoint[] {
  const samples: StatePoint[] = [];
  let index = 0;
  for (let step = 0; step < count; step++) {
    const at = since + ((until - since) * step) / Math.max(1, count - 1);
    while (index + 1 < points.length && points[index + 1]!.at <= at) index++;
    const point = points[index];
    if (point !== undefined) samples.push({ at, byState: point.byState });
  }
  return samples;
}
