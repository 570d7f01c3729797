import type { Logger } from 'pino';
import type { Clock } from '../../lib/clock.js';
import { CLOCK_INTERVAL_MS } from './database-clock.js';
import type { LivenessService } from '../freshness/index.js';
import type { RetentionService } from './retention.js';

/** Milliseconds between two scans of all hosts for stored instants that lie in the future. */
const FUTURE_INTERVAL_MS = 60_000;

const RETENTION_INTERVAL_MS = 10 * 60_000;

/**
 * Runs the periodic tasks until the returned function is called, which resolves when the running tasks have ended. A
 * failure is logged; the next run catches up.
 */
export function startBackgroundTasks(
  { clock, liveness, retention }: { clock: Clock; liveness: LivenessService; retention: RetentionService },
  logger: Logger,
): () => Promise<void> {
  const stops = [
    startInterval(CLOCK_INTERVAL_MS, () => clock.synchronize(), "comparison with the database's clock", logger),
    startInterval(liveness.intervalMs, () => liveness.beat(), 'liveness record', logger),
    startInterval(FUTURE_INTERVAL_MS, () => liveness.lowerFutureInstants(), 'correction of future timestamps', logger),
    startInterval(
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
    // If this fails, the lease expires.
    await retention.release().catch(() => undefined);
  };
}

/** Runs a task repeatedly, `intervalMs` after its last run ended, so runs never overlap. */
function startInterval(
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
