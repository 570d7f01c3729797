import { EventEmitter } from 'node:events';
import { randomHex, type Random } from '../random.js';
import { statusText, type StatusFacts } from '../status-text.js';
import type { Capture, EngineInspect, EngineListEntry, EnginePort, Reply } from './captures.js';

/** The specification of a new container. Fields that it omits come from a captured container. */
export interface ContainerPlan {
  name: string;
  image?: string;
  command?: string;
  labels?: Readonly<Record<string, string>>;
  /** TCP ports. */
  ports?: readonly PortPlan[];
  hasHealthCheck?: boolean;
}

type PortPlan = { ip?: string; privatePort: number; publicPort?: number };

/** A change of a container. */
export interface ContainerEvent {
  action: string;
  id: string;
  name: string;
  image: string;
  labels: Readonly<Record<string, string>>;
  exitCode: number | null;
  atMs: number;
}

type Health = NonNullable<StatusFacts['health']>;

interface ReplayedContainer extends StatusFacts {
  entry: EngineListEntry;
  inspect: EngineInspect;
  /**
   * The captured start time, which is more precise than milliseconds. It is null after the container has been started
   * again.
   */
  startedAtText: string | null;
}

/** Go's zero time, which engines write if a container has never started or never exited. */
const ZERO_TIME = '0001-01-01T00:00:00Z';

/**
 * An engine that responds like a captured engine, except for the fields that have changed since the capture. Emits an
 * `event` for each change. The clock and the random generator are arguments, so that equal arguments give equal
 * histories.
 */
export class ReplayedEngine extends EventEmitter<{ event: [ContainerEvent] }> {
  readonly #containers = new Map<string, ReplayedContainer>();
  readonly #isPodman: boolean;
  #listCount = 0;

  constructor(
    readonly capture: Capture,
    private readonly options: { nowMs: () => number; random: Random },
  ) {
    super();
    this.#isPodman = capture.capturedEngine === 'podman-4.3';
  }

  /** Adds the captured containers, with their times shifted so that their ages are those at the time of capture. */
  adoptCaptured(): void {
    const shiftMs = this.options.nowMs() - this.capture.capturedAtMs;
    const shift = (time: string) => (time === ZERO_TIME ? null : Date.parse(time) + shiftMs);
    for (const entry of this.capture.list) {
      const inspect = this.capture.inspectById.get(entry.Id)!;
      const { ExitCode: exitCode, StartedAt, FinishedAt, Health: captured } = inspect.State;
      const health = (captured?.Status ?? 'none') as Health | 'none' | '';
      this.#containers.set(entry.Id, {
        entry,
        inspect,
        state: entry.State,
        health: health === '' || health === 'none' ? null : health,
        exitCode,
        startedAtMs: shift(StartedAt),
        finishedAtMs: shift(FinishedAt),
        startedAtText: shiftMs === 0 ? StartedAt : null,
      });
    }
  }

  /** Returns the id of the container with this name. */
  idOf(name: string): string | undefined {
    return [...this.#containers.values()].find(({ entry }) => entry.Names[0] === `/${name}`)?.entry.Id;
  }

  /** Creates a container, now or backdated to `atMs`, and returns its id. */
  create(plan: ContainerPlan, atMs = this.options.nowMs()): string {
    const model = this.capture.list.find(({ Names }) => Names[0] === '/h5-created')!;
    const id = randomHex(this.options.random, 64);
    const entry: EngineListEntry = {
      ...model,
      Id: id,
      Names: [`/${plan.name}`],
      Image: plan.image ?? model.Image,
      ImageID: plan.image === undefined ? model.ImageID : `sha256:${randomHex(this.options.random, 64)}`,
      Command: plan.command ?? model.Command,
      Created: Math.floor(atMs / 1_000),
      Ports: (plan.ports ?? []).map((port) => this.#toEnginePort(port)),
      Labels: { ...plan.labels },
    };
    const inspect = this.capture.inspectById.get(model.Id)!;
    const Config = { ...inspect.Config, Image: entry.Image, Labels: entry.Labels };
    const identity = { Id: id, Name: this.#isPodman ? plan.name : `/${plan.name}`, Image: entry.ImageID, Config };
    this.#containers.set(id, {
      entry,
      inspect: { ...inspect, ...identity },
      state: 'created',
      health: plan.hasHealthCheck ? 'starting' : null,
      exitCode: 0,
      startedAtMs: null,
      finishedAtMs: null,
      startedAtText: null,
    });
    this.#emit(id, 'create');
    return id;
  }

  start(id: string, startedAtMs = this.options.nowMs()): void {
    const health = this.#get(id).health === null ? null : 'starting';
    const actions = this.#isPodman ? ['init', 'start'] : ['start'];
    this.#change(id, { state: 'running', health, startedAtMs, startedAtText: null }, ...actions);
  }

  /** Ends the container's process. With `willRestart`, a restart policy will start it again after a delay. */
  die(id: string, exitCode: number, willRestart = false): void {
    // Only Docker has a state for this delay. Podman reports `stopped`.
    const state = willRestart ? (this.#isPodman ? 'stopped' : 'restarting') : 'exited';
    Object.assign(this.#get(id), { state, exitCode, finishedAtMs: this.options.nowMs() });
    this.#emit(id, 'die', exitCode);
    if (this.#isPodman && !willRestart) this.#emit(id, 'cleanup');
  }

  /** Stops the container with SIGTERM, as an operator does. */
  stop(id: string): void {
    this.#emit(id, 'kill');
    this.die(id, 143);
    if (!this.#isPodman) this.#emit(id, 'stop');
  }

  pause(id: string): void {
    this.#change(id, { state: 'paused' }, 'pause');
  }

  unpause(id: string): void {
    this.#change(id, { state: 'running' }, 'unpause');
  }

  rename(id: string, name: string): void {
    this.#change(id, { entry: { ...this.#get(id).entry, Names: [`/${name}`] } }, 'rename');
  }

  /** Sets the result of a health check. Like real engines, it also emits events for the process that runs the check. */
  setHealth(id: string, health: Health): void {
    const actions = this.#isPodman
      ? ['exec', 'exec_died', 'health_status']
      : ['exec_create: check', 'exec_start: check', 'exec_die', `health_status: ${health}`];
    this.#change(id, { health }, ...actions);
  }

  remove(id: string): void {
    this.#emit(id, this.#isPodman ? 'remove' : 'destroy');
    this.#containers.delete(id);
  }

  /** Returns the body of `GET /containers/json`. */
  list(all: boolean): Reply[] {
    // Docker keeps ports in a Go map, so their order changes between lists of the same state.
    const offset = this.#listCount++;
    return [...this.#containers.values()]
      .filter(({ state }) => all || ['running', 'paused', 'restarting'].includes(state))
      .sort((a, b) => this.#compare(a.entry, b.entry))
      .map((container) => ({
        ...container.entry,
        Ports: rotate(this.#listedPorts(container), offset),
        State: container.state,
        Status: statusText(container, this.options.nowMs(), !this.#isPodman),
      }));
  }

  /** Returns the body of `GET /containers/{id}/json`, or null if the container does not exist. */
  inspect(id: string): Reply | null {
    const container = this.#containers.get(id);
    if (container === undefined) return null;
    const { inspect, state, exitCode, health, startedAtText, startedAtMs, finishedAtMs } = container;
    const toText = (ms: number | null): string => (ms === null ? ZERO_TIME : new Date(ms).toISOString());
    const State = {
      ...inspect.State,
      Status: state,
      Running: ['running', 'paused', 'restarting'].includes(state),
      Paused: state === 'paused',
      Restarting: state === 'restarting',
      ExitCode: exitCode,
      StartedAt: startedAtText ?? toText(startedAtMs),
      FinishedAt: state === 'running' ? inspect.State.FinishedAt : toText(finishedAtMs),
      ...(health === null ? {} : { Health: { ...inspect.State.Health, Status: health } }),
    };
    return { ...inspect, State };
  }

  #get(id: string): ReplayedContainer {
    const container = this.#containers.get(id);
    if (container === undefined) throw new RangeError(`no such container: ${id}`);
    return container;
  }

  #change(id: string, facts: Partial<ReplayedContainer>, ...actions: string[]): void {
    Object.assign(this.#get(id), facts);
    for (const action of actions) this.#emit(id, action);
  }

  #emit(id: string, action: string, exitCode: number | null = null): void {
    const { Names, Image: image, Labels: labels } = this.#get(id).entry;
    const atMs = this.options.nowMs();
    this.emit('event', { action, id, name: Names[0]!.slice(1), image, labels, exitCode, atMs });
  }

  /** Docker lists the ports of running and paused containers only; Podman lists the ports of all containers. */
  #listedPorts({ entry, state }: ReplayedContainer): EnginePort[] {
    return this.#isPodman || state === 'running' || state === 'paused' ? entry.Ports : [];
  }

  /** Docker lists the newest container first; Podman sorts by id. */
  #compare(a: EngineListEntry, b: EngineListEntry): number {
    return this.#isPodman ? (a.Id < b.Id ? -1 : 1) : b.Created - a.Created;
  }

  /** Podman omits the address if a port is published on all addresses. */
  #toEnginePort({ ip = '0.0.0.0', privatePort, publicPort }: PortPlan): EnginePort {
    const hasIp = publicPort !== undefined && !(this.#isPodman && ip === '0.0.0.0');
    return {
      ...(hasIp ? { IP: ip } : {}),
      PrivatePort: privatePort,
      ...(publicPort === undefined ? {} : { PublicPort: publicPort }),
      Type: 'tcp',
    };
  }
}

function rotate<T>(items: readonly T[], offset: number): T[] {
  const start = items.length === 0 ? 0 : offset % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
