/** The hosts that a load generator speaks for, and what each of them says next. */
import {
  advance,
  NO_PROGRESS,
  simulateHost,
  touchesOfPercent,
  type ChangeKind,
  type HostProgress,
  type SimulatedHost,
  type StateMix,
} from '../workload.js';
import { heartbeatRequest, type SeededHost, snapshotRequest, type WireRequest } from '@muster/fleet';
import { HOST_HEADER } from '../host-header.js';

/** Hosts of one server. */
export interface FleetShape {
  hosts: SeededHost[];
  seed: number;
  containers: number;
  mix: StateMix;
}

/** What a host sends when it is its turn. */
export type Traffic =
  | { kind: 'heartbeat' }
  /** The last snapshot again, or a host's first one. */
  | { kind: 'unchanged' }
  | { kind: 'changed'; change: ChangeKind; percent: number }
  /** A snapshot without the first so many containers, of those hosts alone whose number is a multiple of `every`. */
  | { kind: 'removal'; absent: number; every: number }
  /** As a fleet does: half heartbeats, four tenths unchanged snapshots, one tenth with 2 % changed. */
  | { kind: 'mix' };

/** Hosts above which a fleet does without what makes changes of whole snapshots fast: it would be gigabytes. */
const REMEMBERED_HOSTS_MAX = 1_000;

export interface FleetHost {
  readonly progress: HostProgress;
  /** `random`: a number in [0, 1), by which a mix is mixed. */
  next(traffic: Traffic, random: number): WireRequest;
  /** Takes the digest that a snapshot's answer tells, for heartbeats. */
  learn(digest: string | null): void;
}

export function createFleet({ hosts, seed, containers, mix }: FleetShape): FleetHost[] {
  const remember = hosts.length <= REMEMBERED_HOSTS_MAX;
  return hosts.map((host, index) =>
    createFleetHost(host, simulateHost({ seed, index, containers, mix }, { remember })),
  );
}

function createFleetHost({ id, token, stream }: SeededHost, simulated: SimulatedHost): FleetHost {
  const sender = { token, stream, header: `${HOST_HEADER}: ${id}` };
  const { containers } = simulated.shape;
  let progress = NO_PROGRESS;
  let sequence = 0;
  let digest: string | null = null;
  let snapshot: Body | null = null;

  const send = (): WireRequest => {
    snapshot ??= wholeBody(simulated, progress);
    sequence += 1;
    return snapshotRequest(sender, sequence, snapshot.bytes);
  };
  const change = (kind: ChangeKind, percent: number): WireRequest => {
    const touches = touchesOfPercent(percent, containers);
    const before = progress;
    progress = advance(progress, kind, touches);
    const place = (kind === 'aged' ? before.ages : before.restarts) % containers;
    snapshot =
      touches === 1 && snapshot !== null
        ? withOneChanged(snapshot, simulated, progress, place)
        : wholeBody(simulated, progress);
    return send();
  };

  return {
    get progress() {
      return progress;
    },
    learn: (told) => (digest = told),
    next(traffic, random) {
      switch (traffic.kind) {
        case 'heartbeat':
          return heartbeatRequest(sender, digest);
        case 'unchanged':
          return send();
        case 'changed':
          return change(traffic.change, traffic.percent);
        case 'removal':
          progress = { ...progress, absent: traffic.absent };
          snapshot = null;
          return send();
        case 'mix':
          if (random < 0.5) return heartbeatRequest(sender, digest);
          if (random < 0.9) return send();
          return change(random < 0.95 ? 'aged' : 'restarted', 2);
      }
    },
  };
}

/** A snapshot's bytes, and where in them each container begins. */
interface Body {
  bytes: Buffer;
  /** One more than there are containers: the last is where the next would begin. */
  offsets: Int32Array;
}

function wholeBody(simulated: SimulatedHost, progress: HostProgress): Body {
  const items = simulated.snapshot(progress).map((container) => JSON.stringify(container));
  const offsets = new Int32Array(items.length + 1);
  offsets[0] = 1;
  // The workload's texts are ASCII: as many bytes as characters, and one for the comma.
  items.forEach((item, i) => (offsets[i + 1] = offsets[i]! + item.length + 1));
  return { bytes: Buffer.from(`[${items.join(',')}]`, 'latin1'), offsets };
}

/** The same bytes but for one container, at a cost that does not rise with the others. */
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
