import type { Logger } from 'pino';
import type { Clock } from '../../lib/clock.js';
import { CLOCK_INTERVAL_MS } from './database-clock.js';
import type { LivenessService } from '../freshness/liveness.js';
import type { RetentionService } from './retention.js';

/** Milliseconds between two readings of every host for instants that lie in the future. */
const FUTURE_INTERVAL_MS = 60_000;

const RETENTION_INTERVAL_MS = 10 * 60_000;

/**
 * Does what no request asks for, at its interval, until the returned function is called; that resolves when what
 * was under way is done. A failure is logged and tried again at the next interval: each of these catches up.
 */
export function startBackground(
  { clock, liveness, retention }: { clock: Clock; liveness: LivenessService; retention: RetentionService },
  logger: Logger,
): () => Promise<void> {
  const stops = [
    every(CLOCK_INTERVAL_MS, () => clock.read(), "comparison with the database's clock", logger),
    every(liveness.intervalMs, () => liveness.beat(), 'sign of life', logger),
    every(FUTURE_INTERVAL_MS, () => liveness.lowerFutureInstants(), 'lowering of instants in the future', logger),
    every(
      RETENTION_INTERVAL_MS,
      async (isStopped) => {
        const pruned = await retention.prune(isStopped);
        if (pruned.containers + pruned.hosts + pruned.events + pruned.tokens > 0) logger.info(pruned, 'retention');
      },
      'retention',
      logger,
    ),
  ];
  return async () => {
    await Promise.all(stops.map((stop) => stop()));
    // If that fails, the lease ends by itself.
    await retention.release().catch(() => undefined);
  };
}

/** Runs a task again and again, `intervalMs` after its last end, never twice at once. */
function every(
  intervalMs: number,
  task: (isStopped: () => boolean) => Promise<void>,
  name: string,
  logger: Logger,
): () => Promise<void> {
  let timer: NodeJS.Timeout;
  let running = Promise.resolve();
  let stopped = false;
  const run = async () => {
    try {
      await task(() => stopped);
    } catch (error) {
      logger.warn({ err: error, task: name }, 'background task failed');
    }
    if (!stopped) schedule();
  };
  const schedule = () => {
    timer = setTimeout(() => {
      running = run();
    }, intervalMs);
  };
  schedule();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await running;
  };
}
