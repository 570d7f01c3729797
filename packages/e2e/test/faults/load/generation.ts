/**
 * A host's snapshots, numbered: each says in every container which one it is, so that what is found afterwards tells
 * which snapshot it is, and that it is all of one. Pure.
 */
import {
  parseSnapshot,
  type Container,
  type ContainerEvent,
  type ContainerView,
  type EventValue,
} from '@muster/contracts';

const CONTAINERS_MIN = 8;

/** The container whose image is another in each generation: its history tells which snapshots were applied. */
export const markerOf = (host: number): string => `marker-${host}`;

const imageOf = (generation: number): string => `registry.example.com/marker:${generation}`;

/** The `generation`th snapshot of a host. Containers come, go and come again, restart, and change their labels. */
export function snapshotOf(host: number, generation: number): Container[] {
  const count = CONTAINERS_MIN + (generation % 5);
  const others = Array.from({ length: count }, (_, place): Container => {
    const runs = (generation + place) % 3 !== 0;
    return {
      dockerId: `host-${host}-container-${place}`,
      name: `service-${place}`,
      image: 'registry.example.com/service:1',
      imageId: `sha256:${'0'.repeat(60)}${place}`,
      command: `serve --place ${place}`,
      state: runs ? 'running' : 'exited',
      status: runs ? 'Up 5 minutes (healthy)' : `Exited (${generation % 256}) 5 minutes ago`,
      ports: [{ ip: '0.0.0.0', privatePort: 80, publicPort: 8_000 + place, type: 'tcp' }],
      labels: { generation: String(generation), place: String(place) },
      startedAt: '2026-01-01T00:00:00.000Z',
    };
  });
  const marker: Container = { ...others[0]!, dockerId: markerOf(host), name: 'marker', image: imageOf(generation) };
  return [marker, ...others];
}

/** What of a host must be found: the last snapshot that was acked, or one that was sent after it. */
export interface Expected {
  host: number;
  /** The generation that was found when this was last looked at; 0: none. */
  base: number;
  /** The generations acked since then, in their order. */
  acked: readonly number[];
  /** The last one that was sent. */
  sent: number;
}

export interface Verdict {
  /** The generation that is there; 0: none. */
  found: number;
  /** Why something that was acked is not there. */
  lost: string | null;
  /** Why what is there is not one whole snapshot with its history. */
  torn: string | null;
}

/**
 * Judges what the API says of a host. `events`: the marker's changes of image since `base`, newest first, of which
 * there may be older ones too.
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

  const difference = found === 0 ? null : differenceOf(snapshotOf(host, found), containers);
  if (difference !== null) return { found, lost: null, torn: `host ${host} at ${found}: ${difference}` };

  const steps = events.map(({ from, to }) => ({ from: generationOfValue(from), to: generationOfValue(to) }));
  const chain = chainBetween(steps.reverse(), base, found);
  if (chain === null) return { found, lost: null, torn: `host ${host}: no unbroken history from ${base} to ${found}` };
  // The very first snapshot creates the marker, which is no change of its image.
  const missing = acked.find((generation) => !chain.has(generation));
  return { found, lost: missing === undefined ? null : `host ${host}: ${missing} is not in the history`, torn: null };
}

const generationOf = (image: string): number => Number(image.slice(image.lastIndexOf(':') + 1));

/** The generation that one side of a marker's change of image is of; NaN: it is no image. */
export const generationOfValue = (value: EventValue): number => (typeof value === 'string' ? generationOf(value) : NaN);

/** The generations that the steps after `base` lead through up to `found`; null if they do not. */
function chainBetween(
  steps: readonly { from: number; to: number }[],
  base: number,
  found: number,
): ReadonlySet<number> | null {
  const later = steps.filter(({ to }) => to > base);
  // Nothing came before the first snapshot, so its steps begin with wherever the first one led.
  let at = base === 0 ? (later[0]?.from ?? found) : base;
  const chain = new Set([at]);
  for (const { from, to } of later) {
    if (from !== at) return null;
    at = to;
    chain.add(at);
  }
  return at === found ? chain : null;
}

/** The first thing in which what is there is not the snapshot; null: nothing. */
function differenceOf(snapshot: readonly Container[], views: readonly ContainerView[]): string | null {
  if (views.length !== snapshot.length) return `${views.length} containers instead of ${snapshot.length}`;
  const there = parseSnapshot(views.map((view) => ({ ...view })));
  if (!there.success) return `the rows are not a valid snapshot: ${JSON.stringify(there.errors)}`;
  const byId = new Map(there.data.map((container) => [container.dockerId, JSON.stringify(inOrder(container))]));
  const other = snapshot.find((container) => byId.get(container.dockerId) !== JSON.stringify(inOrder(container)));
  return other === undefined ? null : `${other.dockerId} differs from the snapshot`;
}

/** Its ten fields in one order, so that equal containers are equal texts. */
const inOrder = ({ dockerId, name, image, imageId, command, state, status, ports, labels, startedAt }: Container) => ({
  ...{ dockerId, name, image, imageId, command, state, status, startedAt },
  ports: ports.map(({ ip, privatePort, publicPort, type }) => [ip, privatePort, publicPort, type]),
  labels: Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)),
});
