import { seededRandom, type Random } from '../random.js';
import type { ContainerPlan, ReplayedEngine } from './engine.js';

/**
 * What happens to a container over time.
 *
 * - `steady`: nothing.
 * - `crashing`: it exits with an error, and the engine restarts it.
 * - `flapping`: its health check fails for a few seconds.
 * - `redeployed`: a new container of the same name replaces it.
 * - `batch`: a job that runs, exits, and remains until its next run replaces it.
 * - `handled`: an operator stops and starts it, or pauses and unpauses it.
 */
export type Behavior = 'steady' | 'crashing' | 'flapping' | 'redeployed' | 'batch' | 'handled';

/** A container whose state changes over time. */
export interface Role extends ContainerPlan {
  behavior: Behavior;
}

/** The changes of one role's container. Each step makes a change, and yields the milliseconds until the next one. */
type Script = Generator<number, never>;

/**
 * Creates and starts a container for each role. A container that is not steady changes about once a minute.
 * @returns a function that makes all changes that are due by a given time, and returns the time of the next change.
 * Equal roles, seeds and times give equal histories.
 */
export function createLife(
  engine: ReplayedEngine,
  roles: readonly Role[],
  { seed, nowMs }: { seed: number; nowMs: number },
): (untilMs: number) => number {
  const scripts = roles.map((role, index) => {
    const script = playRole(engine, role, nowMs, seededRandom(seed + index * 7_919));
    // The first step of the script creates the container. It runs now, so that the engine's first list is complete.
    return { script, atMs: nowMs + script.next().value };
  });
  return (untilMs) => {
    for (;;) {
      const next = scripts.reduce((first, each) => (each.atMs < first.atMs ? each : first));
      if (next.atMs > untilMs) return next.atMs;
      next.atMs += next.script.next().value;
    }
  };
}

function* playRole(engine: ReplayedEngine, role: Role, nowMs: number, random: Random): Script {
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
    switch (role.behavior) {
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
