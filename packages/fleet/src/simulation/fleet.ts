import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import type { HostAgent } from './host-agent.js';

type Runnable = Pick<HostAgent, 'nextAtMs' | 'wake'>;

/** Runs the agents for `durationMs`, or until `stop` is aborted. Resolves when their last calls have ended. */
export async function runAgents(
  agents: readonly Runnable[],
  { durationMs, stop, now }: { durationMs: number; stop: AbortSignal; now: () => number },
): Promise<void> {
  const endMs = now() + durationMs;
  const wakers = new Set<() => void>();
  // All agents share one listener of `stop`, because adding and removing thousands of listeners would be slow.
  stop.addEventListener('abort', () => wakers.forEach((wake) => wake()), { once: true });
  const sleepUntil = (atMs: number) =>
    new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        wakers.delete(wake);
        resolve();
      };
      // A timer can fire up to a millisecond early.
      const timer = setTimeout(wake, Math.ceil(atMs - now()));
      wakers.add(wake);
    });
  const run = async (agent: Runnable): Promise<void> => {
    while (now() < endMs && !stop.aborted) {
      const atMs = agent.nextAtMs();
      if (atMs <= now()) await agent.wake(now());
      else await sleepUntil(Math.min(atMs, endMs));
    }
  };
  await Promise.all(agents.map(run));
}

const FINISH_CONCURRENCY = 64;
const FINISH_MS_MAX = 180_000;
const FINISH_RETRY_MS = 1_000;

/**
 * Makes each agent report its present state until the API accepts the report. Returns the agents whose reports the API
 * did not accept within three minutes.
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
