import type { Database } from '@muster/db';
import { OUTAGES_KEPT, type FreshnessContext } from '../freshness/index.js';
import { Outages } from './outages.js';

/**
 * Reads Muster's own outages since `from`. `completeFrom` is the time from which all outages are stored, in
 * milliseconds since 1970; `-Infinity` if no outage may have been deleted.
 */
export async function readOutages(
  { prisma }: Database,
  from: Date,
  context: FreshnessContext,
): Promise<{ outages: Outages; completeFrom: number }> {
  const rows = await prisma.serviceOutage.findMany({
    where: { endedAt: { gt: from } },
    orderBy: { startedAt: 'desc' },
    take: OUTAGES_KEPT,
  });
  const outages = rows.reverse();
  // The context also contains the outage in progress, if there is one.
  const current = context.outages.at(-1);
  const isStored = current === undefined || current.startedAt.getTime() === outages.at(-1)?.startedAt.getTime();
  return {
    outages: new Outages(isStored ? outages : [...outages, current]),
    // Earlier outages may have been deleted.
    completeFrom: outages.length === OUTAGES_KEPT ? outages[0]!.startedAt.getTime() : -Infinity,
  };
}
