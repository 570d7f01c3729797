import type { Capture, CapturedInspect, CapturedListEntry, CapturedPort, Reply } from './captures.js';
import type { ContainerEvent } from './events.js';
import { randomHex } from './random.js';
import { statusText } from '../status-text.js';

/** What a container is created with; what is left out is as in the captured container that it is modelled on. */
export interface ContainerPlan {
  name: string;
  image?: string;
  command?: string;
  labels?: Readonly<Record<string, string>>;
  ports?: readonly { ip?: string; privatePort: number; publicPort?: number; type?: 'tcp' | 'udp' | 'sctp' }[];
  hasHealthCheck?: boolean;
}

type HealthWord = 'healthy' | 'unhealthy' | 'starting';

interface Replayed {
  entry: CapturedListEntry;
  inspect: CapturedInspect;
  state: string;
  health: HealthWord | null;
  exitCode: number;
  startedAtMs: number | null;
  finishedAtMs: number | null;
  /** Digits of the captured start below a millisecond, for as long as it is the captured one. */
  startedAtText: string | null;
}

/** Go's zero time, which an engine writes for "never". */
const ZERO_TIME = '0001-01-01T00:00:00Z';

const instantMs = (text: string): number | null => (text === ZERO_TIME ? null : Date.parse(text));

/**
 * A real engine's answers with a life of their own: each reply is a captured one with the fields written over that
 * the life changed. Times and chance come from the options, so that one seed and one clock give one history.
 */
export class ReplayedEngine {
  readonly #containers = new Map<string, Replayed>();
  readonly #listeners = new Set<(event: ContainerEvent) => void>();
  readonly #isPodman: boolean;
  #lists = 0;

  constructor(
    readonly capture: Capture,
    private readonly options: { nowMs: () => number; random: () => number },
  ) {
    this.#isPodman = capture.flavour === 'podman-4.3';
  }

  /** Takes over every captured container; those of a later clock are as old as they were when captured. */
  adoptCaptured(): void {
    const shiftMs = this.options.nowMs() - this.capture.capturedAtMs;
    const shifted = (text: string): number | null => {
      const ms = instantMs(text);
      return ms === null ? null : ms + shiftMs;
    };
    for (const entry of this.capture.list) {
      const inspect = this.capture.inspectById.get(entry.Id)!;
      const health = inspect.State.Health?.Status ?? '';
      this.#containers.set(entry.Id, {
        entry,
        inspect,
        state: entry.State,
        health: health === '' || health === 'none' ? null : (health as HealthWord),
        exitCode: inspect.State.ExitCode,
        startedAtMs: shifted(inspect.State.StartedAt),
        finishedAtMs: shifted(inspect.State.FinishedAt),
        startedAtText: shiftMs === 0 ? inspect.State.StartedAt : null,
      });
    }
  }

  /** The id of the container of that name. */
  idOf(name: string): string | undefined {
    return [...this.#containers.values()].find(({ entry }) => entry.Names[0] === `/${name}`)?.entry.Id;
  }

  /** To be told what happens; the result stops it. */
  subscribe(listener: (event: ContainerEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Creates a container modelled on a captured one, now or as if it were there since then, and gives its id. */
  create(plan: ContainerPlan, atMs = this.options.nowMs()): string {
    const model = this.capture.list.find(({ Names }) => Names[0] === '/h5-created')!;
    const id = randomHex(this.options.random, 64);
    const entry: CapturedListEntry = {
      ...model,
      Id: id,
      Names: [`/${plan.name}`],
      Image: plan.image ?? model.Image,
      ImageID: plan.image === undefined ? model.ImageID : `sha256:${randomHex(this.options.random, 64)}`,
      Command: plan.command ?? model.Command,
      Created: Math.floor(atMs / 1_000),
      Ports: (plan.ports ?? []).map((port) => this.#toCapturedPort(port)),
      Labels: { ...plan.labels },
    };
    const inspect = {
      ...this.capture.inspectById.get(model.Id)!,
      Id: id,
      Name: this.#isPodman ? plan.name : `/${plan.name}`,
    };
    this.#containers.set(id, {
      ...{ entry, inspect, state: 'created', exitCode: 0, startedAtMs: null, finishedAtMs: null, startedAtText: null },
      health: plan.hasHealthCheck ? 'starting' : null,
    });
    this.#tell(id, 'create');
    return id;
  }

  start(id: string, atMs = this.options.nowMs()): void {
    const container = this.#get(id);
    container.state = 'running';
    container.startedAtMs = atMs;
    container.startedAtText = null;
    if (container.health !== null) container.health = 'starting';
    if (this.#isPodman) this.#tell(id, 'init');
    this.#tell(id, 'start');
  }

  /** The container's process ends; `willRestart` as under a restart policy that waits before its next try. */
  die(id: string, exitCode: number, willRestart = false): void {
    const container = this.#get(id);
    // Podman knows no state for waiting to restart.
    container.state = willRestart ? (this.#isPodman ? 'stopped' : 'restarting') : 'exited';
    container.exitCode = exitCode;
    container.finishedAtMs = this.options.nowMs();
    this.#tell(id, 'die', exitCode);
    if (this.#isPodman && !willRestart) this.#tell(id, 'cleanup');
  }

  /** An operator's stop: the process ends by a signal. */
  stop(id: string): void {
    this.#tell(id, 'kill');
    this.die(id, 143);
    if (!this.#isPodman) this.#tell(id, 'stop');
  }

  pause(id: string): void {
    this.#get(id).state = 'paused';
    this.#tell(id, 'pause');
  }

  unpause(id: string): void {
    this.#get(id).state = 'running';
    this.#tell(id, 'unpause');
  }

  rename(id: string, name: string): void {
    const container = this.#get(id);
    container.entry = { ...container.entry, Names: [`/${name}`] };
    this.#tell(id, 'rename');
  }

  /** A health check ran and said so. Docker tells of the check's own process too. */
  setHealth(id: string, health: HealthWord): void {
    this.#get(id).health = health;
    for (const action of this.#isPodman
      ? ['exec', 'exec_died']
      : ['exec_create: check', 'exec_start: check', 'exec_die']) {
      this.#tell(id, action);
    }
    this.#tell(id, this.#isPodman ? 'health_status' : `health_status: ${health}`);
  }

  remove(id: string): void {
    this.#tell(id, this.#isPodman ? 'remove' : 'destroy');
    this.#containers.delete(id);
  }

  /** The state that a container is in, or null where there is none of that id. */
  stateOf(id: string): string | null {
    return this.#containers.get(id)?.state ?? null;
  }

  /** The answer of `GET /containers/json`. */
  list(all: boolean): Reply[] {
    // Docker keeps ports in a Go map, so that two lists of one state differ in their order.
    const turn = this.#lists++;
    return [...this.#containers.values()]
      .filter(({ state }) => all || state === 'running' || state === 'paused' || state === 'restarting')
      .sort((a, b) => this.#compare(a.entry, b.entry))
      .map((container) => ({
        ...container.entry,
        Ports: rotate(this.#portsOf(container), turn),
        State: container.state,
        Status: statusText(container, this.options.nowMs(), !this.#isPodman),
      }));
  }

  /** The answer of `GET /containers/{id}/json`, or null where there is no such container. */
  inspect(id: string): Reply | null {
    const container = this.#containers.get(id);
    if (container === undefined) return null;
    const { inspect, state, exitCode, health, startedAtText, startedAtMs, finishedAtMs } = container;
    const time = (ms: number | null): string => (ms === null ? ZERO_TIME : new Date(ms).toISOString());
    const State = {
      ...inspect.State,
      Status: state,
      Running: ['running', 'paused', 'restarting'].includes(state),
      Paused: state === 'paused',
      Restarting: state === 'restarting',
      ExitCode: exitCode,
      StartedAt: startedAtText ?? time(startedAtMs),
      FinishedAt: state === 'running' ? inspect.State.FinishedAt : time(finishedAtMs),
      ...(health === null ? {} : { Health: { ...inspect.State.Health, Status: health } }),
    };
    return { ...inspect, State };
  }

  #get(id: string): Replayed {
    const container = this.#containers.get(id);
    if (container === undefined) throw new RangeError(`no such container: ${id}`);
    return container;
  }

  #tell(id: string, action: string, exitCode: number | null = null): void {
    const { entry } = this.#get(id);
    const event = {
      ...{ action, id, name: entry.Names[0]!.slice(1), image: entry.Image, labels: entry.Labels, exitCode },
      atMs: this.options.nowMs(),
    };
    for (const listener of this.#listeners) listener(event);
  }

  /** Docker lists ports of what runs alone, Podman always. */
  #portsOf({ entry, state }: Replayed): CapturedPort[] {
    return this.#isPodman || state === 'running' || state === 'paused' ? entry.Ports : [];
  }

  /** Docker lists the newest first, Podman by id. */
  #compare(a: CapturedListEntry, b: CapturedListEntry): number {
    if (this.#isPodman) return a.Id < b.Id ? -1 : 1;
    return b.Created - a.Created;
  }

  /** Podman leaves the address out where it means all of them. */
  #toCapturedPort(port: NonNullable<ContainerPlan['ports']>[number]): CapturedPort {
    const { ip = '0.0.0.0', privatePort, publicPort, type = 'tcp' } = port;
    return {
      ...(publicPort === undefined || (this.#isPodman && ip === '0.0.0.0') ? {} : { IP: ip }),
      PrivatePort: privatePort,
      ...(publicPort === undefined ? {} : { PublicPort: publicPort }),
      Type: type,
    };
  }
}

const rotate = <T>(items: readonly T[], by: number): T[] => {
  const at = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
};
