import type { Database } from '@muster/db';
import type { Outage } from '../domain/freshness.js';

/** Milliseconds between two signs of life of an API process, and the silence after which there was an outage. */
export const LIVENESS_INTERVAL_MS = 5_000;
const OUTAGE_AFTER_MS = 3 * LIVENESS_INTERVAL_MS;

/** Outages that are remembered: more than a host's grace can span. */
const OUTAGES_KEPT = 32;

export interface LivenessService {
  /**
   * Leaves a sign that Muster is up, and records an outage if the last sign, of any replica, is too old. To be called
   * before the first request is answered and every `LIVENESS_INTERVAL_MS` from then on.
   */
  beat(): Promise<void>;

  /** Muster's own outages, oldest first: what a host's silence is not counted in. At most a few seconds old. */
  outages(): Promise<readonly Outage[]>;
}

export function createLivenessService(
  { prisma }: Database,
  { now = () => new Date() }: { now?: () => Date } = {},
): LivenessService {
  let known: { readAt: number; outages: Promise<readonly Outage[]> } | null = null;

  const read = async (): Promise<readonly Outage[]> => {
    const rows = await prisma.serviceOutage.findMany({ orderBy: { startedAt: 'desc' }, take: OUTAGES_KEPT });
    return rows.reverse();
  };

  return {
    async beat() {
      const at = now();
      const silentSince = new Date(at.getTime() - OUTAGE_AFTER_MS);
      // The row is locked by the first CTE, so that of replicas that come up together one records the outage.
      const recorded = await prisma.$executeRaw`
        WITH last AS (
          SELECT "aliveAt" FROM service_liveness WHERE id = 1 FOR UPDATE
        ), alive AS (
          INSERT INTO service_liveness (id, "aliveAt") VALUES (1, ${at})
          ON CONFLICT (id) DO UPDATE SET "aliveAt" = GREATEST(service_liveness."aliveAt", excluded."aliveAt")
        )
        INSERT INTO service_outages ("startedAt", "endedAt")
        SELECT "aliveAt", ${at}::timestamptz FROM last WHERE "aliveAt" < ${silentSince}::timestamptz
        ON CONFLICT DO NOTHING`;
      if (recorded === 0) return;
      known = null;
      await prisma.$executeRaw`
        DELETE FROM service_outages WHERE "startedAt" < (
          SELECT "startedAt" FROM service_outages ORDER BY "startedAt" DESC OFFSET ${OUTAGES_KEPT - 1} LIMIT 1)`;
    },

    outages() {
      const at = now().getTime();
      if (known === null || Math.abs(at - known.readAt) > LIVENESS_INTERVAL_MS) {
        const outages = read();
        const reading = { readAt: at, outages };
        known = reading;
        outages.catch(() => {
          if (known === reading) known = null;
        });
      }
      return known.outages;
    },
  };
}
