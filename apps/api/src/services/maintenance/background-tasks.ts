import type { Database } from '@muster/db';
import type { Logger } from 'pino';
import type { Clock } from '../../lib/clock.js';
import { createInterval, type Interval } from '../../lib/interval.js';
import { CLOCK_INTERVAL_MS } from './database-clock.js';
import type { LivenessService } from '../freshness/index.js';
import type { HostEventWriter } from '../host-events/index.js';
import { recordEndedLoops, type DigestSalts } from '../sync/index.js';
import type { ReplicaRecord } from '../system/index.js';
import type { RetentionService } from './retention.js';

/** Milliseconds between two scans of all hosts for stored instants that lie in the future. */
const FUTURE_INSTANTS_INTERVAL_MS = 60_000;

/**
 * Milliseconds between two searches for crash loops that have ended. The last exits of these loops are then recorded.
 */
const LOOPS_INTERVAL_MS = 60_000;

const RETENTION_INTERVAL_MS = 10 * 60_000;

/**
 * Runs the periodic tasks. Returns a function that stops them and resolves when the running tasks have ended. If a task
 * fails, the failure is logged, and the next run of the task does the work that is left.
 */
export function startBackgroundTasks(
  {
    db,
    clock,
    liveness,
    replica,
    digestSalts,
    hostEvents,
    retention,
  }: {
    db: Database;
    clock: Clock;
    liveness: LivenessService;
    replica: ReplicaRecord;
    digestSalts: DigestSalts;
    hostEvents: HostEventWriter;
    retention: RetentionService;
  },
  logger: Logger,
): () => Promise<void> {
  const start = (name: string, intervalMs: number, task: (isStopped: () => boolean) => Promise<void>): Interval => {
    const onFailure = (error: unknown) => logger.warn({ err: error, task: name }, 'background task failed');
    const interval = createInterval(task, { intervalMs, onFailure });
    interval.start();
    return interval;
  };
  const intervals = [
    start("comparison with the database's clock", CLOCK_INTERVAL_MS, () => clock.synchronize()),
    start('liveness record', liveness.intervalMs, () => liveness.recordLiveness()),
    start('record of this process', replica.intervalMs, () => replica.record()),
    start('salt of digests', digestSalts.intervalMs, () => digestSalts.refresh()),
    start('correction of future timestamps', FUTURE_INSTANTS_INTERVAL_MS, () => liveness.lowerFutureInstants()),
    start('record of host events', hostEvents.intervalMs, async (isStopped) => {
      await hostEvents.record(isStopped);
    }),
    start('record of ended loops', LOOPS_INTERVAL_MS, async (isStopped) => {
      await recordEndedLoops(db, clock.now(), isStopped);
    }),
    start('retention', RETENTION_INTERVAL_MS, async (isStopped) => {
      const pruned = await retention.prune(isStopped);
      if (pruned.containers + pruned.hosts + pruned.events + pruned.tokens > 0)
        logger.info(pruned, 'retention deleted old rows');
    }),
  ];
  return async () => {
    await Promise.all(intervals.map((interval) => interval.stop()));
    // Failures are ignored: a lease that is not released expires, and a process that is not removed is no longer listed
    // after a minute.
    await Promise.allSettled([hostEvents.release(), retention.release(), replica.remove()]);
  };
}
