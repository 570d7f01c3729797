import type { ContainerQuery } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import type { FreshnessCutoffs } from '../freshness/index.js';
import { exitKey, healthKey, INFRA_KEY, isKnownState, OTHER_STATE, stateKey } from '../sync/index.js';
import { isRowProblem, PROBLEM_COUNTS } from './container-problems.sql.js';
import { containersHaveFreshness } from './container-search.sql.js';
import { hasLabels } from './host-labels.sql.js';
import type { Counted } from './list-containers.sql.js';

/** The number of a host's present containers without infra containers, from the host's row (alias `h`). */
export const SHOWN_COUNT = Prisma.sql`(h."containerCount" - COALESCE((h."stateCounts" ->> ${INFRA_KEY})::int, 0))`;

/**
 * Returns the number of containers that a query finds, from the counts stored for each host; null if these counts do
 * not suffice.
 */
export async function countByHosts(
  { prisma }: Database,
  organizationId: string,
  query: ContainerQuery,
  cutoffs: FreshnessCutoffs,
): Promise<Counted | null> {
  const { presence, hostId, hostFreshness, hostLabel, state, health, problem, exitReason, image, label, q, infra } =
    query;
  if (query.project || query.service || query.instance) return null;
  if (presence !== 'present' || image || label || q !== undefined) return null;
  // The counts of a host are not broken down by two of these filters at once.
  if ([state, health, problem, exitReason].filter(Boolean).length > 1) return null;
  // A container has at most one of the problems that `isRowProblem` accepts (unhealthy, dead, failed), so the counts of
  // these problems can be added.
  if (problem && !problem.every(isRowProblem)) return null;
  // Infra containers have one count per host, which is not broken down by state, health or exit reason.
  if (infra && (state || health || exitReason)) return null;
  // The states unknown to Docker have one common count, so the count of a single such state is unknown.
  if (state?.some((one) => !isKnownState(one)) && !state.includes(OTHER_STATE)) return null;
  const keys = state?.map(stateKey) ?? health?.map(healthKey) ?? exitReason?.map(exitKey);
  const ofProblems = problem?.filter(isRowProblem).map((code) => PROBLEM_COUNTS[code]);
  let count = infra ? Prisma.sql`h."containerCount"` : SHOWN_COUNT;
  if (ofProblems) count = Prisma.join([...new Set(ofProblems)], ' + ');
  else if (keys) {
    const counts = Prisma.sql`SELECT sum((h."stateCounts" ->> key)::int) FROM unnest(${[...new Set(keys)]}::text[]) AS key`;
    count = Prisma.sql`(${counts})`;
  }
  const [counted] = await prisma.$queryRaw<{ total: number }[]>(Prisma.sql`
    SELECT COALESCE(sum(${count}), 0)::int AS total FROM hosts AS h
    WHERE h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL
      AND ${hostId ? Prisma.sql`h.id = ANY (${hostId}::uuid[])` : Prisma.sql`TRUE`}
      AND ${hasLabels(hostLabel)}
      AND ${hostFreshness ? containersHaveFreshness(hostFreshness, cutoffs) : Prisma.sql`TRUE`}`);
  return { total: counted?.total ?? 0, totalIsExact: true };
}
