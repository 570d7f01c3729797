import { CADENCE_DEFAULT, type Cadence } from '@muster/contracts';
import type { Database } from '@muster/db';
import type { Outage } from './freshness.js';
import { lowerFutureInstants } from './lower-future-instants.sql.js';

/** Milliseconds between two signs of life of an API process, at most. */
const BEAT_INTERVAL_MS_MAX = 5_000;

/** Milliseconds by which the last sign of life may lie ahead of the clock: processes differ by less than a second. */
const AHEAD_MS_MAX = 1_000;

/** Outages that are remembered: those of five minutes, the shortest in a row, after which a host is offline anyway. */
const OUTAGES_KEPT = 300;

export interface LivenessService {
  /** Milliseconds between two signs of life of one process. */
  readonly intervalMs: number;

  /**
   * Leaves a sign that Muster is up, and records an outage if the last sign, of any replica, is too old. To be called
   * before the first request is answered and every `intervalMs` from then on. A last sign that lies in the future is of
   * a clock that was ahead: it is replaced, outages end now at the latest, and what hosts have of that clock is lowered.
   */
  beat(): Promise<void>;

  /** Lowers instants of hosts that lie in the future, where a process with another clock wrote some since `beat` did. */
  lowerFutureInstants(): Promise<void>;

  /**
   * Muster's own outages, oldest first: what a host's silence is not counted in. One that no beat has ended yet is
   * among them, up to now, so that nobody has to wait for a beat. At most `intervalMs` old.
   */
  outages(): Promise<readonly Outage[]>;
}

/** What the database had of Muster's own life when it was read. */
interface Reading {
  /** Null: no process ever left a sign. */
  aliveAt: Date | null;
  outages: readonly Outage[];
}

export function createLivenessService(
  db: Database,
  { now, cadence = CADENCE_DEFAULT }: { now: () => Date; cadence?: Cadence },
): LivenessService {
  const { prisma } = db;
  // A silence of Muster's that is not counted as an outage is counted as its hosts'. A heartbeat is what it may cost:
  // two more are missed before a host is stale.
  const intervalMs = Math.min(BEAT_INTERVAL_MS_MAX, (cadence.heartbeatSeconds * 1000) / 2);
  const outageAfterMs = 2 * intervalMs;
  let known: { readAt: number; reading: Promise<Reading> } | null = null;

  async function read(): Promise<Reading> {
    // The sign first: an outage that a beat ends in between is then in both, which changes nothing.
    const alive = await prisma.serviceLiveness.findUnique({ where: { id: 1 } });
    const rows = await prisma.serviceOutage.findMany({ orderBy: { startedAt: 'desc' }, take: OUTAGES_KEPT });
    return { aliveAt: alive?.aliveAt ?? null, outages: rows.reverse() };
  }

  function readAnew(): Promise<Reading> {
    const current = { readAt: now().getTime(), reading: read() };
    known = current;
    current.reading.catch(() => {
      if (known === current) known = null;
    });
    return current.reading;
  }

  /** The outage that has lasted from the last sign of life until now, if that is one. */
  function openOutage({ aliveAt }: Reading): Outage | null {
    const at = now();
    return aliveAt !== null && at.getTime() - aliveAt.getTime() > outageAfterMs
      ? { startedAt: aliveAt, endedAt: at }
      : null;
  }

  /** Leaves a sign at `at`, and an outage where the last one, which it resolves with, is too old. */
  async function leaveSign(at: Date): Promise<Date | null> {
    const silentSince = new Date(at.getTime() - outageAfterMs);
    // The row is locked by the first CTE, so that of replicas that come up together one records the outage.
    const [last] = await prisma.$queryRaw<{ aliveAt: Date | null; recorded: boolean }[]>`
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
      SELECT (SELECT "aliveAt" FROM last) AS "aliveAt", EXISTS (SELECT FROM outage) AS recorded`;
    if (last?.recorded) {
      await prisma.$executeRaw`
        DELETE FROM service_outages WHERE "startedAt" < (
          SELECT "startedAt" FROM service_outages ORDER BY "startedAt" DESC OFFSET ${OUTAGES_KEPT - 1} LIMIT 1)`;
    }
    return last?.aliveAt ?? null;
  }

  /** Takes back what a process left that believed it to be `aliveAt`, which is later than now. */
  async function takeBack(aliveAt: Date): Promise<void> {
    const at = now();
    // All of it or nothing, so that no outage stays that ends in the future. Whoever comes second finds another sign.
    await prisma.$executeRaw`
      WITH alive AS (
        UPDATE service_liveness SET "aliveAt" = ${at} WHERE id = 1 AND "aliveAt" = ${aliveAt}::timestamptz RETURNING 1
      ), dropped AS (
        DELETE FROM service_outages USING alive WHERE "startedAt" >= ${at}::timestamptz
      )
      UPDATE service_outages SET "endedAt" = ${at} FROM alive
      WHERE "startedAt" < ${at}::timestamptz AND "endedAt" > ${at}::timestamptz`;
    known = null;
    await lowerFutureInstants(db, at);
  }

  return {
    intervalMs,

    async beat() {
      const aliveAt = await leaveSign(now());
      // Asked of the clock again: the statement may have waited while another process left a later sign.
      if (aliveAt !== null && aliveAt.getTime() - now().getTime() > AHEAD_MS_MAX) await takeBack(aliveAt);
    },

    async lowerFutureInstants() {
      await lowerFutureInstants(db, now());
    },

    async outages() {
      const isFresh = known !== null && Math.abs(now().getTime() - known.readAt) <= intervalMs;
      let reading = await (known !== null && isFresh ? known.reading : readAnew());
      // What looks like an outage to what was read a while ago may be a beat that came since.
      if (isFresh && openOutage(reading) !== null) reading = await readAnew();
      const open = openOutage(reading);
      return open === null ? reading.outages : [...reading.outages, open];
    },
  };
}
