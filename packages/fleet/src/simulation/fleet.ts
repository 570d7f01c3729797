import { setTimeout as sleep } from 'node:timers/promises';
import { inParallel } from './parallel.js';
import type { HostAgent } from './host-agent.js';
import { createSchedule } from './schedule.js';

/** A fleet of simulated hosts. */
export interface Fleet {
  /** Lets the fleet live until the signal is aborted, and what is then under way come to its end. */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Has each host that began tell its last state, the same moment's for all, until the API has taken it. Resolves
   * with the names of those that could not within `FINISH_MS_MAX`.
   */
  finish(): Promise<string[]>;
}

/** A host and when it begins. */
export interface Member {
  agent: HostAgent;
  startAtMs: number;
}

/** The event loop is given back after so many milliseconds of waking hosts. */
const WAKE_MS_MAX = 20;

const FINISH_MS_MAX = 180_000;
const FINISH_WIDTH = 64;
const FINISH_RETRY_MS = 1_000;

/** A fleet that has not begun. `now`: milliseconds since the simulation's beginning. */
export function createFleet(members: readonly Member[], now: () => number): Fleet {
  const schedule = createSchedule(members.length);
  let timer: NodeJS.Timeout | undefined;
  let timerAtMs = Number.POSITIVE_INFINITY;
  let isOver = false;
  let underWay = 0;
  let settled: () => void = () => undefined;
  let failed: (error: unknown) => void = () => undefined;

  function arm(): void {
    const nextAtMs = schedule.nextAtMs();
    if (isOver || nextAtMs >= timerAtMs) return;
    clearTimeout(timer);
    timerAtMs = nextAtMs;
    timer = setTimeout(wakeAll, Math.max(0, nextAtMs - now()));
  }

  function wakeAll(): void {
    timerAtMs = Number.POSITIVE_INFINITY;
    const sinceMs = now();
    while (!isOver && now() - sinceMs < WAKE_MS_MAX) {
      const key = schedule.takeDue(now());
      if (key === null) break;
      wake(key);
    }
    arm();
  }

  function wake(key: number): void {
    const { agent } = members[key]!;
    underWay += 1;
    agent.wake(now()).then(() => {
      underWay -= 1;
      schedule.set(key, agent.nextAtMs());
      arm();
      if (isOver && underWay === 0) settled();
    }, failed);
  }

  return {
    async run(signal) {
      members.forEach(({ startAtMs }, key) => schedule.set(key, startAtMs));
      await new Promise<void>((resolve, reject) => {
        settled = resolve;
        failed = reject;
        const end = (): void => {
          isOver = true;
          clearTimeout(timer);
          if (underWay === 0) resolve();
        };
        if (signal.aborted) return end();
        signal.addEventListener('abort', end, { once: true });
        arm();
      });
    },

    async finish() {
      const endMs = now();
      const late: string[] = [];
      const begun = members.filter(({ startAtMs }) => startAtMs <= endMs);
      await inParallel(begun, FINISH_WIDTH, async ({ agent }) => {
        while (!(await agent.finish(endMs))) {
          if (now() - endMs > FINISH_MS_MAX) {
            late.push(agent.name);
            return;
          }
          await sleep(FINISH_RETRY_MS);
        }
        if (!agent.isGone()) await agent.releaseLate();
      });
      return late;
    },
  };
}
