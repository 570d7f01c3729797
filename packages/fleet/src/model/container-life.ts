import {
  canonicalContainer,
  canonicalLabels,
  parseStatus,
  type Container,
  type ContainerExit,
  type ExitReason,
  type Health,
  type WorkloadKind,
} from '@muster/contracts';
import { between, logBetween, randomHex, type Random } from '@muster/testkit/random';
import { statusText, type StatusFacts } from '@muster/testkit/status-text';
import { deploy, type Deployment, type Service } from './deployment.js';
import { NO_PROGRESS, simulateHost } from './workload.js';

/** The properties that a container and its successors share. */
export interface Role {
  /**
   * A template in canonical form, with the ten fields that every agent reports. Each container has its own id, name,
   * labels, state, status, start time and suffix of the image.
   */
  readonly container: Container;
  readonly hasHealthCheck: boolean;
  readonly service: Service;
}

/** A container of a snapshot in canonical JSON, and what the API must derive from it. */
export interface SentContainer {
  text: string;
  derived: Pick<Deployment, 'workload'> & { health: Health | null; exitCode: number | null; isInfra: boolean };
}

/**
 * The orchestrators of six of every twenty services, by the place of the service. The other services belong to Compose.
 */
const KIND_BY_PLACE: Readonly<Record<number, WorkloadKind>> = {
  ...{ 1: 'swarm', 2: 'kubernetes', 3: 'nomad', 4: 'plain', 6: 'kubernetes', 8: 'swarm' },
};
const COMPOSE_LABELS = ['project', 'service', 'container-number'].map((word) => `com.docker.compose.${word}`);
const PLACES = 20;
const INFRA_PLACE = 6;

/**
 * Returns the roles of a host with `count` containers. All hosts of a fleet have the same roles, because the hosts of a
 * real fleet run the same services.
 */
export const createRoles = (count: number): Role[] =>
  simulateHost({ seed: 1, index: 0, containers: count, mix: 'running' })
    .snapshot(NO_PROGRESS)
    .map(({ oomKilled: _, restartCount: _count, imageDigest: _digest, labels, ...container }, place) => {
      const kind = KIND_BY_PLACE[place % PLACES] ?? 'compose';
      const isInfra = place % PLACES === INFRA_PLACE;
      const [project, name, number] = COMPOSE_LABELS.map((label) => labels[label]!);
      const others = Object.entries(labels).filter(([label]) => !COMPOSE_LABELS.includes(label));
      if (isInfra) container.image = 'registry.k8s.io/pause:3';
      return {
        container: canonicalContainer({ ...container, labels: Object.fromEntries(others) }),
        hasHealthCheck: !isInfra && parseStatus(container.status).health !== null,
        service: { kind, isInfra, project: kind === 'swarm' ? 'shop' : project!, name: name!, number: number! },
      };
    });

/** The share of containers that have exited when the simulation starts. */
const EXITED_SHARE = 0.08;

/** The share of new containers that cannot start. */
const START_FAILURE_SHARE = 0.1;

/** The share of containers that were created some time after their host booted, not at the boot. */
const CREATED_LATER_SHARE = 0.25;

const HOUR_MS = 3_600_000;

/** How processes end: the reasons that an agent reports, and their exit codes. */
const EXIT_CODES = Object.entries({
  completed: [0, 0],
  stopped: [143, 137, 3],
  crashed: [1, 134, 139],
  oom: [137],
  unknown: [137, 255],
}).flatMap(([reason, codes]) => codes.map((code) => [reason as ExitReason, code] as const));

const START_ERROR =
  'driver failed programming external connectivity: Bind for 0.0.0.0:8080 failed: port is already allocated';

/** Shortest delay before the engine restarts a container. Docker doubles the delay after each crash. */
const RESTART_MS_MIN = 100;
/** Longest delay before the engine restarts a container. */
const RESTART_MS_MAX = 60_000;

/** A simulated container. Times are milliseconds since the simulation's start; earlier times are negative. */
export class SimulatedContainer implements StatusFacts {
  readonly dockerId: string;
  /** A container that is `created` could not start. */
  state: 'running' | 'exited' | 'paused' | 'restarting' | 'created' = 'running';
  health: Health | null = null;
  exitCode = 0;
  startedAtMs: number | null;
  finishedAtMs: number;
  private reason: ExitReason = 'unknown';
  private restartCount = 0;
  /** Time of the next change without an external cause: a health check passes, or the engine restarts the container. */
  dueAtMs = Number.POSITIVE_INFINITY;

  private constructor(
    readonly role: Role,
    /** Number of predecessors. */
    readonly release: number,
    readonly createdAtMs: number,
    private readonly random: Random,
    private readonly deployment: Deployment,
  ) {
    this.dockerId = randomHex(random, 64);
    this.startedAtMs = createdAtMs;
    this.finishedAtMs = createdAtMs;
  }

  /** Creates a container in its state at the start of the simulation. Its host booted at `bootMs`, a negative time. */
  static atStart(role: Role, random: Random, bootMs: number): SimulatedContainer {
    const createdAtMs =
      random() < CREATED_LATER_SHARE
        ? -logBetween(random, HOUR_MS / 6, -bootMs)
        : bootMs + between(random, 5_000, 60_000);
    const container = new SimulatedContainer(role, 0, createdAtMs, random, deploy(role.service, random));
    if (random() < EXITED_SHARE) container.exit(createdAtMs * random());
    else container.settleHealth(role.hasHealthCheck ? 'healthy' : null);
    return container;
  }

  /** Creates the container that replaces this one, with the same role and the next release. It may fail to start. */
  successor(atMs: number): SimulatedContainer {
    const { role, random, release, deployment } = this;
    const next = new SimulatedContainer(role, release + 1, atMs, random, deploy(role.service, random, deployment));
    if (random() < START_FAILURE_SHARE) next.failToStart();
    else next.start(atMs);
    return next;
  }

  /** Changes the container at random. Returns false if it must be replaced by its successor instead. */
  change(atMs: number): boolean {
    const chance = this.random();
    if (this.state === 'paused') {
      this.state = 'running';
    } else if (this.state !== 'running') {
      if (chance < 0.3 || this.isReplacedToStart) return false;
      this.start(atMs);
    } else if (chance < 0.25) {
      return false;
    } else if (chance < 0.5 && this.role.hasHealthCheck) {
      this.settleHealth(this.health === 'healthy' ? 'unhealthy' : 'healthy');
    } else if (chance < 0.75) {
      if (this.isReplacedToStart) return false;
      this.start(atMs);
    } else if (chance < 0.9) {
      this.exit(atMs);
    } else if (chance < 0.95) {
      this.exit(atMs);
      if (this.isReplacedToStart) return true;
      this.state = 'restarting';
      this.dueAtMs = atMs + between(this.random, RESTART_MS_MIN, RESTART_MS_MAX);
    } else {
      this.state = 'paused';
      this.settleHealth(null);
    }
    return true;
  }

  /** Swarm and Kubernetes do not start a container again, but create another one. */
  private get isReplacedToStart(): boolean {
    return this.role.service.kind === 'swarm' || this.role.service.kind === 'kubernetes';
  }

  /** Applies the change that is due at `dueAtMs`. */
  proceed(): void {
    if (this.state !== 'restarting') return this.settleHealth('healthy');
    this.restartCount += 1;
    this.start(this.dueAtMs, this.restartCount);
  }

  /**
   * Returns the container at `nowMs`. The replaced fields keep their places, so the result is canonical like the role's
   * container. `epochMs` is the simulation's start, in milliseconds since 1970.
   */
  sent(nowMs: number, epochMs: number): SentContainer {
    const { dockerId, release, state, health, restartCount, deployment } = this;
    const { container, service } = this.role;
    const toInstant = (ms: number | null) => (ms === null ? null : new Date(epochMs + ms).toISOString());
    const exit = this.exitAt(toInstant(this.finishedAtMs));
    const imageId = `${container.imageId!.slice(0, -4)}${release.toString(16).padStart(4, '0')}`;
    const text = JSON.stringify({
      ...container,
      ...{ dockerId, name: deployment.name, image: `${container.image}.${release}`, imageId },
      ...{ state, status: statusText(this, nowMs), startedAt: toInstant(this.startedAtMs) },
      labels: canonicalLabels({ ...container.labels, ...deployment.labels }),
      ...(exit === null ? {} : { exit }),
      // In the containerd image store, the id of an image is the digest of its manifest.
      ...{ oomKilled: exit?.reason === 'oom', restartCount, imageDigest: imageId },
    });
    const derived = { workload: deployment.workload, health, exitCode: exit?.code ?? null, isInfra: service.isInfra };
    return { text, derived };
  }

  private settleHealth(health: Health | null): void {
    this.health = health;
    this.dueAtMs = Number.POSITIVE_INFINITY;
  }

  private exitAt(finishedAt: string | null): ContainerExit | null {
    const { state, exitCode: code, reason } = this;
    if (state === 'created') return { code, reason, error: START_ERROR, finishedAt: null };
    return state === 'exited' || state === 'restarting' ? { code, reason, error: '', finishedAt } : null;
  }

  private failToStart(): void {
    this.state = 'created';
    [this.reason, this.exitCode, this.startedAtMs] = ['failed_to_start', 128, null];
  }

  /** Starts the container. Engines count only their own restarts, and reset the count at any other start. */
  private start(atMs: number, restartCount = 0): void {
    this.state = 'running';
    this.restartCount = restartCount;
    this.startedAtMs = atMs;
    this.settleHealth(this.role.hasHealthCheck ? 'starting' : null);
    if (this.role.hasHealthCheck) this.dueAtMs = atMs + between(this.random, 2_000, 10_000);
  }

  private exit(atMs: number): void {
    this.state = 'exited';
    [this.reason, this.exitCode] = EXIT_CODES[Math.floor(this.random() * EXIT_CODES.length)]!;
    this.finishedAtMs = atMs;
    this.settleHealth(null);
  }
}
