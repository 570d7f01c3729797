/**
 * Checks whether the API stores exactly one of a host's numbered snapshots (generations) completely, together with its
 * history. The functions do no I/O.
 */
import {
  canonicalContainer,
  parseSnapshot,
  type Container,
  type ContainerEvent,
  type ContainerView,
  type EventValue,
} from '@muster/contracts';
import { generationOf, markerOf, numberedSnapshot } from '@muster/fleet';

/** The snapshots that the API may have stored for a host: the last acknowledged snapshot, or any later snapshot. */
export interface Expected {
  host: number;
  /** The generation that the previous check found, or 0 without a previous check. */
  base: number;
  /** The generations acknowledged since the previous check, in order. */
  acked: readonly number[];
  /** The last generation that was sent. */
  sent: number;
}

export interface Verdict {
  /** The generation that the API has stored, or 0 if it has stored no snapshot. */
  found: number;
  /** Describes an acknowledged snapshot that is missing; null if no snapshot is missing. */
  lost: string | null;
  /**
   * Describes how the stored state differs from one complete snapshot with its history; null if there is no difference.
   */
  torn: string | null;
}

/**
 * Checks the API's data of a host. `events` are the marker's image changes, newest first, including at least all
 * changes since `base`.
 */
export function judgeHost(
  { host, base, acked, sent }: Expected,
  containers: readonly ContainerView[],
  events: readonly ContainerEvent[],
): Verdict {
  const marker = containers.find(({ dockerId }) => dockerId === markerOf(host));
  const found = marker === undefined ? 0 : generationOf(marker.image);
  const last = acked.at(-1) ?? base;
  if (found < last) return { found, lost: `host ${host} has ${found}, but ${last} was acknowledged`, torn: null };
  if (found > sent) return { found, lost: null, torn: `host ${host} has ${found}, but only ${sent} was sent` };

  const difference = found === 0 ? null : differenceOf(numberedSnapshot(host, found), containers);
  if (difference !== null) return { found, lost: null, torn: `host ${host} at ${found}: ${difference}` };

  const steps = events.map(({ from, to }) => ({ from: generationOfValue(from), to: generationOfValue(to) }));
  const chain = chainBetween(steps.reverse(), base, found);
  if (chain === null) return { found, lost: null, torn: `host ${host}: no unbroken history from ${base} to ${found}` };
  // No image change leads to the first snapshot, because this snapshot creates the marker.
  const missing = acked.find((generation) => !chain.has(generation));
  return { found, lost: missing === undefined ? null : `host ${host}: ${missing} is not in the history`, torn: null };
}

/** Returns the generation of the old or new value of a marker's image change, or NaN if the value is not an image. */
export const generationOfValue = (value: EventValue): number => (typeof value === 'string' ? generationOf(value) : NaN);

/** Returns the generations from `base` to `found`, or null if the steps do not lead from `base` to `found`. */
function chainBetween(
  steps: readonly { from: number; to: number }[],
  base: number,
  found: number,
): ReadonlySet<number> | null {
  const later = steps.filter(({ to }) => to > base);
  // The first snapshot creates the marker without an image change. If `base` is 0, the chain therefore starts at the
  // `from` of the first step.
  let at = base === 0 ? (later[0]?.from ?? found) : base;
  const chain = new Set([at]);
  for (const { from, to } of later) {
    if (from !== at) return null;
    at = to;
    chain.add(at);
  }
  return at === found ? chain : null;
}

/** Returns the first difference between the rows and the snapshot, or null if they are equal. */
function differenceOf(snapshot: readonly Container[], views: readonly ContainerView[]): string | null {
  if (views.length !== snapshot.length) return `${views.length} containers instead of ${snapshot.length}`;
  const parsed = parseSnapshot(views.map((view) => ({ ...view })));
  if (!parsed.success) return `the rows are not a valid snapshot: ${JSON.stringify(parsed.errors)}`;
  const byId = new Map(parsed.data.map((container) => [container.dockerId, textOf(container)]));
  const different = snapshot.find((container) => byId.get(container.dockerId) !== textOf(container));
  return different === undefined ? null : `${different.dockerId} differs from the snapshot`;
}

const textOf = (container: Container): string => JSON.stringify(canonicalContainer(container));
