import type { ContainerExit } from '@muster/contracts';
import type { Database, Statement } from '@muster/db';
import type { ContainerFacts } from './container-row.js';
import { StateTally, type ContainerTotals } from './state-counts.js';

const COUNT_CONTAINERS: Statement = {
  name: 'count_containers',
  text: `
    SELECT state, health, "exitCode", exit ->> 'reason' AS reason, truncated <> '{}' AS "isTruncated", "isInfra",
      count(*)::int AS count
    FROM containers WHERE "hostId" = $1::uuid AND "removedAt" IS NULL
    GROUP BY 1, 2, 3, 4, 5, 6`,
};

interface CountedRow extends Pick<ContainerFacts, 'state' | 'health' | 'exitCode' | 'isInfra'> {
  reason: ContainerExit['reason'] | null;
  isTruncated: boolean;
  count: number;
}

/** Counts the host's containers that are not removed, by state, health and exit reason. */
export async function countContainers(db: Database, hostId: string): Promise<ContainerTotals> {
  const tally = new StateTally();
  for (const { reason, isTruncated, count, ...row } of await db.query<CountedRow>(COUNT_CONTAINERS, [hostId])) {
    const exit = reason && { code: row.exitCode, reason, error: '', finishedAt: null };
    tally.add({ ...row, exit, truncated: isTruncated ? ['name'] : [] }, count);
  }
  return tally.totals;
}
