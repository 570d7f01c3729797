import {
  canonicalContainer,
  canonicalLabels,
  parseStatus,
  type Container,
  type ContainerExit,
  type ExitReason,
  type Health,
} from '@muster/contracts';
import { between, logBetween, randomHex, type Random } from '@muster/testkit/random';
import { statusText, type StatusFacts } from '@muster/testkit/status-text';
import { deploy, serviceAt, type Deployment, type Service } from './deployment.js';
import { NO_PROGRESS, simulateHost } from './workload.js';

/** The properties that a container and its successors share. */
export interface Role {
  /**
   * A template in canonical form, with the ten fields that every agent reports. Each container has its own id, name,
   * labels, state, status and start time, and its own suffix after the image.
   */
  readonly container: Container;
  readonly imageDigest: string;
  readonly hasHealthCheck: boolean;
  readonly service: Service;
}

/** A container of a snapshot in canonical JSON, and what the API must derive from it. */
export interface SentContainer {
  text: string;
  derived: Pick<Deployment, 'workload'> & { health: Health | null; exitCode: number | null; isInfra: boolean };
}

/**
 * Returns the roles of a host with `count` containers. All hosts of a fleet have the same roles, because the hosts of a
 * real fleet run the same services.
 */
export const createRoles = (count: number): Role[] =>
  simulateHost({ seed: 1, index: 0, containers: count, mix: 'running' })
    .snapshot(NO_PROGRESS)
    .map(({ oomKilled: _, restartCount: _count, imageDigest, labels, ...container }, place) => {
      const {
        'com.docker.compose.project': project,
        'com.docker.compose.service': name,
        'com.docker.compose.container-number': number,
        ...otherLabels
      } = labels;
      const service = serviceAt(place, { name: name!, project: project!, number: Number(number) });
      if (service.isInfra) container.image = 'registry.k8s.io/pause:3';
      return {
        container: canonicalContainer({ ...container, labels: otherLabels }),
        imageDigest: imageDigest!,
        hasHealthCheck: !service.isInfra && parseStatus(container.status).health !== null,
        service,
      };
    });

/** The share of containers that have exited when the simulation starts. */
const EXITED_SHARE = 0.08;

/** The share of new containers that cannot start. */
const START_FAILURE_SHARE = 0.1;

/** The share of containers that were created after the start of their host. */
const LATER_SHARE = 0.25;

const HOUR_MS = 3_600_000;

/** How processes end: the reasons that an agent reports, and the exit codes. */
const EXITS: readonly (readonly [ExitReason, number])[] = [
  ...([
    ['completed', 0],
    ['completed', 0],
    ['stopped', 143],
    ['stopped', 137],
    ['stopped', 3],
  ] as const),
  ...([
    ['crashed', 1],
    ['crashed', 134],
    ['crashed', 139],
    ['oom', 137],
    ['unknown', 137],
    ['unknown', 255],
  ] as const),
];

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
      random() < LATER_SHARE ? -logBetween(random, HOUR_MS / 6, -bootMs) : bootMs + between(random, 5_000, 60_000);
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
   * Returns the container at `nowMs`: the role's container is canonical, and the replaced fields keep their places.
   * `epochMs` is the simulation's start, in milliseconds since 1970.
   */
  sent(nowMs: number, epochMs: number): SentContainer {
    const { dockerId, release, state, health, startedAtMs, restartCount, role, deployment } = this;
    const { container, service } = role;
    const { name, workload } = deployment;
    const toInstant = (ms: number | null) => (ms === null ? null : new Date(epochMs + ms).toISOString());
    const exit = this.exitAt(toInstant(this.finishedAtMs));
    const suffix = release.toString(16).padStart(4, '0');
    const text = JSON.stringify({
      ...container,
      ...{ dockerId, name, image: service.isInfra ? container.image : `${container.image}.${release}` },
      ...{ imageId: `${container.imageId!.slice(0, -4)}${suffix}`, state, status: statusText(this, nowMs) },
      labels: canonicalLabels({ ...container.labels, ...deployment.labels }),
      startedAt: toInstant(startedAtMs),
      ...(exit === null ? {} : { exit }),
      ...{ oomKilled: exit?.reason === 'oom', restartCount, imageDigest: `${role.imageDigest.slice(0, -4)}${suffix}` },
    });
    return { text, derived: { workload, health, exitCode: exit?.code ?? null, isInfra: service.isInfra } };
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

  /** Starts the container. Engines count only their own restarts, and begin again after any other start. */
  private start(atMs: number, restartCount = 0): void {
    this.state = 'running';
    this.restartCount = restartCount;
    this.startedAtMs = atMs;
    this.settleHealth(this.role.hasHealthCheck ? 'starting' : null);
    if (this.role.hasHealthCheck) this.dueAtMs = atMs + between(this.random, 2_000, 10_000);
  }

  private exit(atMs: number): void {
    this.state = 'exited';
    [this.reason, this.exitCode] = EXITS[Math.floor(this.random() * EXITS.length)]!;
    this.finishedAtMs = atMs;
    this.settleHealth(null);
  }
}
