import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import type { HostAgent } from './host-agent.js';

export interface RunOptions {
  durationMs: number;
  /** Ends the run earlier. */
  stop: AbortSignal;
  /** Returns the milliseconds since the simulation's start. */
  now: () => number;
}

/** Runs the agents for a time. Resolves when their last calls are done. */
export function runAgents(agents: readonly HostAgent[], { durationMs, stop, now }: RunOptions): Promise<void> {
  const timers = new Map<HostAgent, NodeJS.Timeout>();
  let calls = 0;
  let isOver = false;
  return new Promise((resolve, reject) => {
    function schedule(agent: HostAgent): void {
      const delayMs = agent.nextAtMs() - now();
      if (isOver || delayMs === Number.POSITIVE_INFINITY) return;
      // A timer can fire up to a millisecond early.
      timers.set(
        agent,
        setTimeout(() => void wake(agent).catch(reject), Math.ceil(Math.max(0, delayMs))),
      );
    }

    async function wake(agent: HostAgent): Promise<void> {
      calls += 1;
      await agent.wake(now());
      calls -= 1;
      schedule(agent);
      if (isOver && calls === 0) resolve();
    }

    function end(): void {
      isOver = true;
      clearTimeout(endTimer);
      timers.forEach(clearTimeout);
      if (calls === 0) resolve();
    }

    const endTimer = setTimeout(end, durationMs);
    stop.addEventListener('abort', end, { once: true });
    if (stop.aborted) end();
    agents.forEach(schedule);
  });
}

const FINISH_CONCURRENCY = 64;
const FINISH_MS_MAX = 180_000;
const FINISH_RETRY_MS = 1_000;

/**
 * Lets each agent report its state at this moment until the API accepts it. Returns the agents that did not manage to
 * within three minutes.
 */
export async function finishAgents(agents: readonly HostAgent[], now: () => number): Promise<HostAgent[]> {
  const endMs = now();
  const unfinished: HostAgent[] = [];
  await pMap(
    agents,
    async (agent) => {
      while (!(await agent.finish(endMs))) {
        if (now() - endMs > FINISH_MS_MAX) return void unfinished.push(agent);
        await sleep(FINISH_RETRY_MS);
      }
    },
    { concurrency: FINISH_CONCURRENCY },
  );
  return unfinished;
}
