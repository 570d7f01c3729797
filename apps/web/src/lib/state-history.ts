import type { ContainerEvent } from '@muster/contracts';

/** What of a change tells how many containers were in which state before it. */
export type StateChange = Pick<ContainerEvent, 'kind' | 'from' | 'to' | 'recordedAt'>;

/** How many containers were in each state at a moment. */
export interface StatePoint {
  at: number;
  byState: Readonly<Record<string, number>>;
}

const CHANGES_STATE: ReadonlySet<ContainerEvent['kind']> = new Set([
  'created',
  'reappeared',
  'removed',
  'started',
  'exited',
  'restarted',
  'paused',
  'unpaused',
]);

/**
 * The counts by state over time, worked out backwards from those of `now`: nobody stored them, but each change between
 * states is in the history. `changes` come newest first; what lies before the last of them is not known and not told.
 * The points come oldest first, one before and one after each change.
 */
export function stateHistory(
  byState: Readonly<Record<string, number>>,
  changes: readonly StateChange[],
  now: number,
): StatePoint[] {
  const points: StatePoint[] = [{ at: now, byState }];
  let counts = byState;
  for (const change of changes) {
    if (!CHANGES_STATE.has(change.kind)) continue;
    const at = Math.min(Date.parse(change.recordedAt), points.at(-1)!.at);
    points.push({ at, byState: counts });
    counts = undone(counts, change);
    points.push({ at, byState: counts });
  }
  return points.reverse();
}

function undone(counts: Readonly<Record<string, number>>, { from, to }: StateChange): Readonly<Record<string, number>> {
  if (from === to) return counts;
  const before = { ...counts };
  // A count below nothing would be a change that was not told, such as one that ended as it had begun.
  if (typeof to === 'string') before[to] = Math.max(0, (before[to] ?? 0) - 1);
  if (typeof from === 'string') before[from] = (before[from] ?? 0) + 1;
  return before;
}

/** The same history at `count` moments evenly from `since` to `until`: what fits into so many columns. */
export function sampled(points: readonly StatePoint[], since: number, until: number, count: number): StatePoint[] {
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
