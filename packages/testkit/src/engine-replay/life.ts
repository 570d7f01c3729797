import { seededRandom } from './random.js';
import type { ContainerPlan, ReplayedEngine } from './engine.js';

/**
 * How a container lives. `steady`: it runs. `crashing`: it dies now and then, and is started again. `flapping`: its
 * health check fails now and then. `redeployed`: replaced by a new one of the same name now and then. `batch`: a job
 * that runs, ends, and stays until the next run replaces it. `handled`: somebody stops and starts, pauses and unpauses it.
 */
export type Temper = 'steady' | 'crashing' | 'flapping' | 'redeployed' | 'batch' | 'handled';

/** A container and how it lives. */
export interface Role extends ContainerPlan {
  temper: Temper;
}

/** What happens to one container, told as the milliseconds to wait before the next part of it. */
type Script = Generator<number, never>;

/** The life of an engine: the same history for the same roles, seed and times. */
export interface Life {
  /** Does what is due by `nowMs`, in order. */
  advance(nowMs: number): void;
  /** When something is due next. */
  nextAtMs(): number;
}

/**
 * Creates and starts every role's container, and lets them live from `nowMs` on. `tempo` divides each wait: at 1
 * something happens to each restless container about every minute.
 */
export function createLife(
  engine: ReplayedEngine,
  roles: readonly Role[],
  options: { seed: number; nowMs: number; tempo?: number },
): Life {
  const { seed, nowMs, tempo = 1 } = options;
  const scripts = roles.map((role, index) => {
    const script = play(engine, role, nowMs, seededRandom(seed + index * 7_919));
    // The first part runs at once: an engine is not empty when it is first looked at.
    return { script, atMs: nowMs + script.next().value / tempo };
  });
  return {
    advance(until) {
      for (;;) {
        const due = scripts.reduce((first, each) => (each.atMs < first.atMs ? each : first));
        if (due.atMs > until) return;
        due.atMs += due.script.next().value / tempo;
      }
    },
    nextAtMs: () => Math.min(...scripts.map(({ atMs }) => atMs)),
  };
}

function* play(engine: ReplayedEngine, role: Role, nowMs: number, random: () => number): Script {
  const between = (seconds: number, more: number): number => (seconds + random() * more) * 1_000;
  const begin = (atMs?: number): string => {
    const id = engine.create(role, atMs);
    engine.start(id, atMs);
    if (role.hasHealthCheck) engine.setHealth(id, 'healthy');
    return id;
  };
  // A host that is first looked at has been up for a while.
  let id = begin(nowMs - between(60, 20 * 86_400));
  for (let round = 0; ; round++) {
    yield between(round === 0 ? 5 : 30, 60);
    switch (role.temper) {
      case 'steady':
        break;
      case 'crashing':
        engine.die(id, random() < 0.5 ? 137 : 1, true);
        yield between(2, 6);
        engine.start(id);
        break;
      case 'flapping':
        engine.setHealth(id, 'unhealthy');
        yield between(8, 12);
        engine.setHealth(id, 'healthy');
        break;
      case 'redeployed':
        engine.stop(id);
        engine.remove(id);
        id = begin();
        break;
      case 'batch':
        engine.die(id, random() < 0.8 ? 0 : 1);
        yield between(20, 40);
        engine.remove(id);
        id = begin();
        break;
      case 'handled':
        if (random() < 0.5) {
          engine.pause(id);
          yield between(5, 10);
          engine.unpause(id);
        } else {
          engine.stop(id);
          yield between(5, 10);
          engine.start(id);
        }
        break;
    }
  }
}
