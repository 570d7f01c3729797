/** The hosts that a load generator simulates, and what each of them sends next. */
import { gzipSync } from 'node:zlib';
import { numberedSnapshot } from '../model/numbered.js';
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
  /** A header with the host's id, for servers that do not identify hosts by token. */
  hostHeader?: string;
}

/**
 * The hosts of one server that compress their snapshots, as agents do. `numbered`: 9 to 13 containers; a tenth of the
 * requests changes them. `costly`: the largest allowed snapshots, in which every container changes each time.
 */
export interface StormShape {
  content: 'numbered' | 'costly';
  hosts: readonly SeededHost[];
}

export type FleetShape = WorkloadShape | StormShape;

/** What a host sends when it is its turn. Numbered and costly hosts send only heartbeats or a mix. */
export type Traffic =
  | { kind: 'heartbeat' }
  /** The last snapshot again, or a host's first one. */
  | { kind: 'unchanged' }
  | { kind: 'changed'; change: ChangeKind; percent: number }
  /** A snapshot without the first `absent` containers, only of hosts whose number is a multiple of `every`. */
  | { kind: 'removal'; absent: number; every: number }
  /**
   * As a fleet does: half heartbeats, four tenths unchanged snapshots, one tenth changed ones. Hosts with the workload's
   * containers draw (2 % changed), the others take turns.
   */
  | { kind: 'mix' };

/** A request, and what the host learns from an answer with status 200. */
export interface Turn {
  readonly request: HttpRequest;
  readonly accepted: (digest: string | null | undefined) => void;
}

export interface LoadHost {
  /** The changes of the workload so far. */
  readonly progress: HostProgress;
  /** `random`: a number in [0, 1) that decides what a mix sends. */
  next(traffic: Traffic, random: number): Turn;
}

/** Hosts above which a fleet does not keep the unchanging parts of its containers: that would need gigabytes. */
const REMEMBERED_HOSTS_MAX = 1_000;

export function createFleet(shape: FleetShape): LoadHost[] {
  const remember = shape.hosts.length <= REMEMBERED_HOSTS_MAX;
  const costlyBodies = shape.content === 'costly' ? ([costlyBody(true), costlyBody(false)] as const) : null;
  return shape.hosts.map(({ id, token, stream }, index) => {
    if (shape.content !== 'workload') return createStormHost(new AgentSession(id, token, stream), index, costlyBodies);
    const { seed, containers, mix, hostHeader } = shape;
    const session = new AgentSession(id, token, stream, hostHeader === undefined ? {} : { [hostHeader]: id });
    return createWorkloadHost(session, simulateHost({ seed, index, containers, mix }, { remember }));
  });
}

function createWorkloadHost(session: AgentSession, simulated: SimulatedHost): LoadHost {
  const { containers } = simulated.shape;
  let progress = NO_PROGRESS;
  let body: Body | null = null;
  let digest: string | null = null;
  const accepted: Turn['accepted'] = (received) => {
    if (received !== undefined) digest = received;
  };

  const snapshot = () => snapshotRequest(session, (body ??= wholeBody(simulated, progress)).bytes);
  const change = (kind: ChangeKind, percent: number) => {
    const touches = touchesOfPercent(percent, containers);
    const place = (kind === 'aged' ? progress.ages : progress.restarts) % containers;
    progress = advance(progress, kind, touches);
    body = touches === 1 && body !== null ? withOneChanged(body, simulated, progress, place) : null;
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

/** `costlyBodies`: what the host sends in turn, instead of numbered snapshots. */
function createStormHost(
  session: AgentSession,
  number: number,
  costlyBodies: readonly [Buffer, Buffer] | null,
): LoadHost {
  /** The last generation that the API accepted; 0: none. A refused one is sent again: it is as much work as before. */
  let generation = 0;
  // Hosts start at different turns, so that not all send the same kind of request at once.
  let turn = number;
  /** Bodies by generation: the accepted one, and the next. */
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

/** Level 3 costs a fraction of the default, for slightly more bytes. */
const compress = (containers: readonly object[]): Buffer => gzipSync(JSON.stringify(containers), { level: 3 });

/** Returns one of two snapshots of 5,000 containers with 60 labels, which differ in every container. */
function costlyBody(isEven: boolean): Buffer {
  const labels = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`label-${i}`, `value-${i}-${isEven}`]));
  const containers = Array.from({ length: 5_000 }, (_, i) => {
    const name = `costly-${i}`;
    return { dockerId: name, name, image: `costly:${isEven}`, state: 'running', labels };
  });
  return compress(containers);
}

/** A snapshot's bytes, and the offset of each container in them. */
interface Body {
  bytes: Buffer;
  /** One more than there are containers: the last is the offset of the next container. */
  offsets: Int32Array;
}

function wholeBody(simulated: SimulatedHost, progress: HostProgress): Body {
  const items = simulated.snapshot(progress).map((container) => JSON.stringify(container));
  const offsets = new Int32Array(items.length + 1);
  offsets[0] = 1;
  // The workload is ASCII: as many bytes as characters, and one for the comma.
  items.forEach((item, i) => (offsets[i + 1] = offsets[i]! + item.length + 1));
  return { bytes: Buffer.from(`[${items.join(',')}]`, 'latin1'), offsets };
}

/** Replaces the bytes of one container, at a cost that does not depend on the number of containers. */
function withOneChanged(
  { bytes, offsets }: Body,
  simulated: SimulatedHost,
  progress: HostProgress,
  place: number,
): Body {
  const i = place - progress.absent;
  if (i < 0) return { bytes, offsets };
  const start = offsets[i]!;
  const end = offsets[i + 1]! - 1;
  const item = Buffer.from(JSON.stringify(simulated.container(place, progress)), 'latin1');
  const grown = item.length - (end - start);
  return {
    bytes: Buffer.concat([bytes.subarray(0, start), item, bytes.subarray(end)]),
    offsets: grown === 0 ? offsets : offsets.map((offset, at) => (at > i ? offset + grown : offset)),
  };
}
