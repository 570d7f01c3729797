import type { Database } from '@muster/db';
import type { Lease } from '../../lib/lease.js';
import { createYielder } from '../../lib/yielder.js';
import type { ReadFreshnessContext } from '../freshness/index.js';
import { findSilences, readUptime, writeSilences, type HostOutcome } from './record-silences.sql.js';
import { silenceEvents, type SilenceColumns, type SilenceOutcome } from './silence-events.js';

/**
 * If the process that records events dies, another process takes over after `ttlMs`. Including the time between two
 * runs, events are then recorded within 30 s.
 */
export const HOST_EVENTS_LEASE = { name: 'host_events', ttlMs: 15_000 };

/** Maximum number of hosts that one statement records. */
const BATCH_SIZE = 500;

const NO_HOST = '00000000-0000-0000-0000-000000000000';

export interface HostEventWriter {
  /** Milliseconds between two runs. */
  readonly intervalMs: number;

  /**
   * Records the beginnings and ends of the hosts' silences since the last run of any process, each with its instant.
   * Records nothing while another process holds the lease. Resolves with the number of recorded events.
   */
  record(isStopped?: () => boolean): Promise<number>;

  /** Releases the lease, so that another process can take over. */
  release(): Promise<void>;
}

/**
 * Whether there is nothing to record, for example because a silence ends after the instant up to which events are
 * known.
 */
const isUnchanged = (host: SilenceColumns, { events, endedSilences, recordedSilence }: SilenceOutcome): boolean =>
  events.length === 0 &&
  endedSilences.length === host.endedSilences.length &&
  recordedSilence?.state === host.recordedSilence?.state;

export function createHostEventWriter(
  db: Database,
  {
    now,
    freshnessContext,
    lease,
    batchSize = BATCH_SIZE,
  }: { now: () => Date; freshnessContext: ReadFreshnessContext; lease: Lease; batchSize?: number | undefined },
): HostEventWriter {
  return {
    intervalMs: 5_000,

    async record(isStopped = () => false) {
      if (!(await lease.acquire())) return 0;
      const uptime = await readUptime(db);
      if (uptime === null) return 0;
      const at = now();
      const until = uptime.aliveAt < at ? uptime.aliveAt : at;
      const context = { ...(await freshnessContext()), now: until, outages: uptime.outages };
      const yielder = createYielder();
      let events = 0;
      for (let after = NO_HOST; !isStopped();) {
        const hosts = await findSilences(db, after, batchSize, context);
        const readAt = now();
        const outcomes: HostOutcome[] = [];
        for (const host of hosts) {
          const outcome = silenceEvents(host, { ...context, readAt });
          if (host.isCloneExpired || !isUnchanged(host, outcome)) outcomes.push({ host, outcome });
          if (yielder.shouldYield()) await yielder.yieldToEventLoop();
        }
        const recorded = outcomes.length === 0 ? 0 : await writeSilences(db, lease, outcomes, now());
        if (recorded === null) return events;
        events += recorded;
        if (hosts.length < batchSize) return events;
        after = hosts.at(-1)!.id;
        await lease.renew();
      }
      return events;
    },

    release: () => lease.release(),
  };
}
