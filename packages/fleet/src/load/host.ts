/** The hosts that a load generator simulates, and the next request of each. */
import { gzipSync } from 'node:zlib';
import { numberedSnapshot } from '../model/numbered-snapshots.js';
import {
  advance,
  NO_PROGRESS,
  simulateHost,
  touchesOfPercent,
  type ChangeKind,
  type HostProgress,
  type HostShape,
  type SimulatedHost,
} from '../model/workload.js';
import { AgentSession, heartbeatRequest, snapshotRequest } from '../protocol/requests.js';
import type { HttpRequest } from './connection.js';
import type { SeededHost } from '../seed-hosts.js';

/** The hosts of one server, with the containers of the workload. */
export interface WorkloadShape extends Omit<HostShape, 'index'> {
  content: 'workload';
  hosts: readonly SeededHost[];
}

/**
 * The hosts of one server in a storm. They compress their snapshots, as agents do. With `numbered`, a host has 9 to 13
 * containers, which change with every tenth request. With `costly`, a host sends the largest allowed snapshots, and
 * every container changes each time.
 */
export interface StormShape {
  content: 'numbered' | 'costly';
  hosts: readonly SeededHost[];
}

export type FleetShape = WorkloadShape | StormShape;

/** The kind of request that a host sends. Numbered and costly hosts support only heartbeats and the mix. */
export type Traffic =
  | { kind: 'heartbeat' }
  /**
   * A snapshot with the same containers as the host's last snapshot, or the first snapshot if the host has sent none.
   */
  | { kind: 'unchanged' }
  | { kind: 'changed'; change: ChangeKind; percent: number }
  /** A snapshot without the first `absent` containers. Only hosts whose number is a multiple of `every` send it. */
  | { kind: 'removal'; absent: number; every: number }
  /**
   * A mix as in a real fleet: 50 % heartbeats, 40 % unchanged snapshots and 10 % changed snapshots. Workload hosts
   * choose a kind at random, and a changed snapshot changes 2 % of their containers. Numbered and costly hosts send the
   * kinds in a fixed order.
   */
  | { kind: 'mix' };

type Accepted = (digest: string | null | undefined) => void;

export interface LoadHost {
  /** The changes made so far to the host's containers. Numbered and costly hosts do not count their changes. */
  readonly progress: HostProgress;
  /**
   * Returns the next request and a callback. After a response with status 200, the caller passes the digest in the
   * response to the callback. `random`, a number in [0, 1), decides what a mix sends.
   */
  next(traffic: Traffic, random: number): { request: HttpRequest; accepted: Accepted };
}

/** Maximum size of a fleet that keeps the unchanging parts of its containers. A larger fleet would need gigabytes. */
const REMEMBERED_HOSTS_MAX = 1_000;

export function createFleet(shape: FleetShape): LoadHost[] {
  const remember = shape.hosts.length <= REMEMBERED_HOSTS_MAX;
  const costlyBodies = shape.content === 'costly' ? [costlyBody(true), costlyBody(false)] : null;
  return shape.hosts.map(({ id, token }, index) => {
    // The stream has the host's id, because servers without authentication identify the host by its stream.
    const session = new AgentSession(id, token, id);
    if (shape.content !== 'workload') return createStormHost(session, index, costlyBodies);
    const { seed, containers, mix } = shape;
    return createWorkloadHost(session, simulateHost({ seed, index, containers, mix }, { remember }));
  });
}

function createWorkloadHost(session: AgentSession, simulated: SimulatedHost): LoadHost {
  const { containers } = simulated.shape;
  let progress = NO_PROGRESS;
  let body: ReturnType<typeof createBody> | null = null;
  let digest: string | null = null;
  const accepted: Accepted = (received) => {
    if (received !== undefined) digest = received;
  };

  const snapshot = () => {
    body ??= createBody(simulated.snapshot(progress).map((container) => JSON.stringify(container)));
    return snapshotRequest(session, body.bytes);
  };
  const change = (kind: ChangeKind, percent: number) => {
    const touches = touchesOfPercent(percent, containers);
    const touchedBefore = kind === 'aged' ? progress.ages : progress.restarts;
    progress = advance(progress, kind, touches);
    if (body === null) return snapshot();
    const items = [...body.items];
    for (let i = 0; i < touches; i++) {
      const place = (touchedBefore + i) % containers;
      if (place < progress.absent) continue;
      items[place - progress.absent] = JSON.stringify(simulated.container(place, progress));
    }
    body = createBody(items);
    return snapshot();
  };
  const request = (traffic: Traffic, random: number): HttpRequest => {
    switch (traffic.kind) {
      case 'heartbeat':
        return heartbeatRequest(session, digest);
      case 'unchanged':
        return snapshot();
      case 'changed':
        return change(traffic.change, traffic.percent);
      case 'removal':
        progress = { ...progress, absent: traffic.absent };
        body = null;
        return snapshot();
      case 'mix':
        if (random < 0.5) return heartbeatRequest(session, digest);
        if (random < 0.9) return snapshot();
        return change(random < 0.95 ? 'aged' : 'restarted', 2);
    }
  };
  return {
    get progress() {
      return progress;
    },
    next: (traffic, random) => ({ request: request(traffic, random), accepted }),
  };
}

/** If `costlyBodies` is not null, the host alternates between these two snapshots, and sends no numbered snapshots. */
function createStormHost(session: AgentSession, number: number, costlyBodies: readonly Buffer[] | null): LoadHost {
  /**
   * The last generation that the API accepted, or 0. After a refusal, the host sends the same generation again, which
   * costs the API as much as a new one.
   */
  let generation = 0;
  // Hosts start at different turns, so that they do not all send the same kind of request at the same time.
  let turn = number;
  /** The bodies of the accepted generation and of the next one. */
  const bodies = new Map<number, Buffer>();
  const bodyOf = (wanted: number): Buffer => {
    const known = bodies.get(wanted);
    if (known !== undefined) return known;
    const body = compress(numberedSnapshot(number, wanted));
    bodies.delete(generation - 1);
    bodies.set(wanted, body);
    return body;
  };
  return {
    progress: NO_PROGRESS,
    next(traffic) {
      turn += 1;
      const isHeartbeat = traffic.kind === 'heartbeat' || turn % 2 === 0;
      const isNew = costlyBodies === null && !isHeartbeat && (turn % 10 === 1 || generation === 0);
      const sent = isNew ? generation + 1 : generation;
      const accepted = () => void (generation = Math.max(generation, sent));
      if (isHeartbeat) return { request: heartbeatRequest(session, null), accepted };
      const body = costlyBodies?.[turn % 4 === 1 ? 0 : 1] ?? bodyOf(sent);
      return { request: snapshotRequest(session, body, { gzip: true }), accepted };
    },
  };
}

/** Level 3 needs much less time than the default level, but produces slightly more bytes. */
const compress = (containers: readonly object[]): Buffer => gzipSync(JSON.stringify(containers), { level: 3 });

/**
 * Returns one of two snapshots. Each has 5,000 containers with 60 labels, and every container differs between the two.
 */
function costlyBody(isEven: boolean): Buffer {
  const labels = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`label-${i}`, `value-${i}-${isEven}`]));
  const containers = Array.from({ length: 5_000 }, (_, i) => {
    const name = `costly-${i}`;
    return { dockerId: name, name, image: `costly:${isEven}`, state: 'running', labels };
  });
  return compress(containers);
}

/**
 * A snapshot, and the JSON of each of its containers. The JSON is kept, so that only changed containers are serialized
 * for the next snapshot.
 */
const createBody = (items: readonly string[]) => ({ items, bytes: Buffer.from(`[${items.join(',')}]`) });
