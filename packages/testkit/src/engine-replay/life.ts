import { seededRandom, type Random } from '../random.js';
import type { ContainerPlan, ReplayedEngine } from './engine.js';

/**
 * What happens to a container over time. `steady`: nothing. `crashing`: it dies sometimes, and is started again.
 * `flapping`: its health check fails sometimes. `redeployed`: a new container of the same name replaces it sometimes.
 * `batch`: a job that runs, ends, and stays until its next run replaces it. `handled`: an operator stops and starts, or
 * pauses and unpauses it.
 */
export type Temper = 'steady' | 'crashing' | 'flapping' | 'redeployed' | 'batch' | 'handled';

/** A container, and what happens to it. */
export interface Role extends ContainerPlan {
  temper: Temper;
}

/** The history of one container: yields the milliseconds to wait before the next change. */
type Script = Generator<number, never>;

/** The history of an engine's containers. Equal roles, seeds and times give equal histories. */
export interface Life {
  /** Makes all changes that are due by `nowMs`, in order. */
  advance(nowMs: number): void;
  /** Returns when the next change is due. */
  nextAtMs(): number;
}

/**
 * Creates and starts a container for each role, and changes them from `nowMs` on. With `tempo` 1, a container that is
 * not steady changes about once a minute. Larger values divide the time between changes.
 */
export function createLife(
  engine: ReplayedEngine,
  roles: readonly Role[],
  { seed, nowMs, tempo = 1 }: { seed: number; nowMs: number; tempo?: number },
): Life {
  const scripts = roles.map((role, index) => {
    const script = play(engine, role, nowMs, seededRandom(seed + index * 7_919));
    // The first part runs now, so that the engine's first list is complete.
    return { script, atMs: nowMs + script.next().value / tempo };
  });
  return {
    advance(untilMs) {
      for (;;) {
        const next = scripts.reduce((first, each) => (each.atMs < first.atMs ? each : first));
        if (next.atMs > untilMs) return;
        next.atMs += next.script.next().value / tempo;
      }
    },
    nextAtMs: () => Math.min(...scripts.map(({ atMs }) => atMs)),
  };
}

function* play(engine: ReplayedEngine, role: Role, nowMs: number, random: Random): Script {
  const wait = (secondsMin: number, spread: number): number => (secondsMin + random() * spread) * 1_000;
  const run = (atMs?: number): string => {
    const id = engine.create(role, atMs);
    engine.start(id, atMs);
    if (role.hasHealthCheck) engine.setHealth(id, 'healthy');
    return id;
  };
  // At first, containers have been running for between a minute and 20 days.
  let id = run(nowMs - wait(60, 20 * 86_400));
  for (let round = 0; ; round++) {
    yield wait(round === 0 ? 5 : 30, 60);
    switch (role.temper) {
      case 'steady':
        break;
      case 'crashing':
        engine.die(id, random() < 0.5 ? 137 : 1, true);
        yield wait(2, 6);
        engine.start(id);
        break;
      case 'flapping':
        engine.setHealth(id, 'unhealthy');
        yield wait(8, 12);
        engine.setHealth(id, 'healthy');
        break;
      case 'redeployed':
        engine.stop(id);
        engine.remove(id);
        id = run();
        break;
      case 'batch':
        engine.die(id, random() < 0.8 ? 0 : 1);
        yield wait(20, 40);
        engine.remove(id);
        id = run();
        break;
      case 'handled': {
        const isPause = random() < 0.5;
        if (isPause) engine.pause(id);
        else engine.stop(id);
        yield wait(5, 10);
        if (isPause) engine.unpause(id);
        else engine.start(id);
        break;
      }
    }
  }
}
