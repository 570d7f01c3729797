import { CADENCE_DEFAULT, type Cadence } from '@muster/contracts';
import type { Database } from '@muster/db';
import type { Outage } from './freshness.js';
import { lowerFutureInstants } from './lower-future-instants.sql.js';

/** Maximum milliseconds between two liveness timestamps that an API process writes. */
const LIVENESS_INTERVAL_MS_MAX = 5_000;

/**
 * Maximum milliseconds by which the last liveness timestamp may be ahead of the clock. If it is further ahead, it comes
 * from a wrong clock, because the clocks of processes differ by less than a second.
 */
const AHEAD_MS_MAX = 1_000;

/** Maximum number of outages that are stored. The availability of hosts is computed from these outages. */
export const OUTAGES_KEPT = 1_000;

/**
 * Maximum number of outages that freshness depends on. Older outages are ignored: a host that has not called between 300
 * outages is treated as silent.
 */
const OUTAGES_READ = 300;

export interface LivenessService {
  /** Milliseconds between two liveness timestamps of one process. */
  readonly intervalMs: number;

  /**
   * Writes a liveness timestamp, and records an outage if the previous timestamp, which any replica may have written,
   * is too old. Call this method before the first request is answered, and every `intervalMs` from then on. If the
   * previous timestamp is in the future, it comes from a clock that was ahead. The timestamp is then replaced, outages
   * are shortened so that none ends in the future, and the hosts' timestamps from that clock are lowered.
   */
  recordLiveness(): Promise<void>;

  /**
   * Lowers the hosts' timestamps that are in the future, because a process with a wrong clock may have written some
   * after the last `recordLiveness`.
   */
  lowerFutureInstants(): Promise<void>;

  /**
   * Returns Muster's own outages, oldest first. The time of an outage does not count as silence of a host. If the last
   * liveness timestamp is too old, the result includes the outage from that timestamp until now, so that callers need
   * not wait for the next timestamp. The result is at most `intervalMs` old.
   */
  outages(): Promise<readonly Outage[]>;
}

/** Muster's own liveness as read from the database. */
interface LivenessReading {
  /** The last liveness timestamp; null if no process ever wrote one. */
  aliveAt: Date | null;
  outages: readonly Outage[];
}

export function createLivenessService(
  db: Database,
  { now, cadence = CADENCE_DEFAULT }: { now: () => Date; cadence?: Cadence },
): LivenessService {
  const { prisma } = db;
  // A downtime that is too short to be recorded as an outage counts as silence of the hosts. Such a downtime alone
  // makes no host stale, because it lasts at most one heartbeat interval, and a host becomes stale only after it misses
  // two more heartbeats.
  const intervalMs = Math.min(LIVENESS_INTERVAL_MS_MAX, (cadence.heartbeatSeconds * 1000) / 2);
  const outageAfterMs = 2 * intervalMs;
  let cacheEntry: { readAt: number; reading: Promise<LivenessReading> } | null = null;

  async function read(): Promise<LivenessReading> {
    // The timestamp is read first. If an outage is recorded between the two queries, both results contain it, which
    // does no harm.
    const alive = await prisma.serviceLiveness.findUnique({ where: { id: 1 } });
    const rows = await prisma.serviceOutage.findMany({ orderBy: { startedAt: 'desc' }, take: OUTAGES_READ });
    return { aliveAt: alive?.aliveAt ?? null, outages: rows.reverse() };
  }

  function refresh(): Promise<LivenessReading> {
    const current = { readAt: now().getTime(), reading: read() };
    cacheEntry = current;
    current.reading.catch(() => {
      if (cacheEntry === current) cacheEntry = null;
    });
    return current.reading;
  }

  /** Returns the outage from the last liveness timestamp until now; null if that time is too short to be an outage. */
  function openOutage({ aliveAt }: LivenessReading): Outage | null {
    const at = now();
    return aliveAt !== null && at.getTime() - aliveAt.getTime() > outageAfterMs
      ? { startedAt: aliveAt, endedAt: at }
      : null;
  }

  /**
   * Writes a liveness timestamp `at`, and an outage if the previous timestamp is too old. Returns the previous
   * timestamp.
   */
  async function writeTimestamp(at: Date): Promise<Date | null> {
    const silentSince = new Date(at.getTime() - outageAfterMs);
    // The first CTE locks the row, so that only one of several replicas that start together records the outage.
    const [last] = await prisma.$queryRaw<{ aliveAt: Date | null; isRecorded: boolean }[]>`
      WITH last AS (
        SELECT "aliveAt" FROM service_liveness WHERE id = 1 FOR UPDATE
      ), alive AS (
        INSERT INTO service_liveness (id, "aliveAt") VALUES (1, ${at})
        ON CONFLICT (id) DO UPDATE SET "aliveAt" = GREATEST(service_liveness."aliveAt", excluded."aliveAt")
      ), outage AS (
        INSERT INTO service_outages ("startedAt", "endedAt")
        SELECT "aliveAt", ${at}::timestamptz FROM last WHERE "aliveAt" < ${silentSince}::timestamptz
        ON CONFLICT DO NOTHING
        RETURNING 1
      )
      SELECT (SELECT "aliveAt" FROM last) AS "aliveAt", EXISTS (SELECT FROM outage) AS "isRecorded"`;
    if (last?.isRecorded) {
      await prisma.$executeRaw`
        DELETE FROM service_outages WHERE "startedAt" < (
          SELECT "startedAt" FROM service_outages ORDER BY "startedAt" DESC OFFSET ${OUTAGES_KEPT - 1} LIMIT 1)`;
    }
    return last?.aliveAt ?? null;
  }

  /** Reverts the writes of a process whose clock showed `aliveAt`, which is later than now. */
  async function revertFutureTimestamp(aliveAt: Date): Promise<void> {
    const at = now();
    // This is one statement, so that the timestamp is never corrected without the outages. A second process that runs
    // the statement finds another timestamp and changes nothing.
    await prisma.$executeRaw`
      WITH alive AS (
        UPDATE service_liveness SET "aliveAt" = ${at} WHERE id = 1 AND "aliveAt" = ${aliveAt}::timestamptz RETURNING 1
      ), dropped AS (
        DELETE FROM service_outages USING alive WHERE "startedAt" >= ${at}::timestamptz
      )
      UPDATE service_outages SET "endedAt" = ${at} FROM alive
      WHERE "startedAt" < ${at}::timestamptz AND "endedAt" > ${at}::timestamptz`;
    cacheEntry = null;
    await lowerFutureInstants(db, at);
  }

  return {
    intervalMs,

    async recordLiveness() {
      const aliveAt = await writeTimestamp(now());
      // The clock is read again, because the statement may have waited while another process wrote a later timestamp.
      if (aliveAt !== null && aliveAt.getTime() - now().getTime() > AHEAD_MS_MAX) await revertFutureTimestamp(aliveAt);
    },

    async lowerFutureInstants() {
      await lowerFutureInstants(db, now());
    },

    async outages() {
      const isFresh = cacheEntry !== null && Math.abs(now().getTime() - cacheEntry.readAt) <= intervalMs;
      let reading = await (cacheEntry !== null && isFresh ? cacheEntry.reading : refresh());
      // If the cached reading suggests an outage, read again, because a process may have written a timestamp since.
      if (isFresh && openOutage(reading) !== null) reading = await refresh();
      const outageInProgress = openOutage(reading);
      return outageInProgress === null ? reading.outages : [...reading.outages, outageInProgress];
    },
  };
}
