import type { CountedPage, EngineFacts, Host, HostLabels, HostLabelsBySource, HostQuery } from '@muster/contracts';
import { encodeCursor } from '../../lib/cursor.js';
import { hostFreshness, clampToNow, type FreshnessContext, type FreshnessSource } from '../freshness/index.js';
import { splitStateCounts, type StateCounts, hostProblems } from '../sync/index.js';
import { NotFoundError } from '../../errors.js';
import { readHostDetails, type HostDetails } from './host-details.js';
import { selectHosts, type HostRow } from './select-hosts.sql.js';

/** Lists an organization's hosts, filtered and sorted. */
export async function listHosts(
  { db, freshnessContext }: FreshnessSource,
  organizationId: string,
  query: HostQuery,
): Promise<CountedPage<Host>> {
  const context = await freshnessContext();
  const { rows, nextPosition, total } = await selectHosts(db, organizationId, query, context);
  const details = await readHostDetails(db, organizationId, rows);
  return {
    items: rows.map((row) => toHost(row, details, context)),
    nextCursor: nextPosition && encodeCursor(nextPosition),
    ...(total === null ? {} : { total, totalIsExact: true }),
  };
}

/**
 * Returns one host.
 * @throws NotFoundError if the organization has no such host.
 */
export async function getHost(source: FreshnessSource, organizationId: string, hostId: string): Promise<Host> {
  const [host] = await getHosts(source, organizationId, [hostId]);
  if (host === undefined) throw new NotFoundError('host');
  return host;
}

/** Returns the given hosts that belong to the organization, in any order. */
export async function getHosts(
  { db, freshnessContext }: FreshnessSource,
  organizationId: string,
  hostIds: readonly string[],
): Promise<Host[]> {
  const where = { id: { in: [...hostIds] }, organizationId, deletedAt: null };
  const [rows, context] = await Promise.all([db.prisma.host.findMany({ where }), freshnessContext()]);
  const details = await readHostDetails(db, organizationId, rows);
  return rows.map((row) => toHost(row, details, context));
}

const toHost = (row: HostRow, details: HostDetails, context: FreshnessContext): Host => {
  const facts = details.facts.get(row.id);
  const counts = splitStateCounts(row.stateCounts as StateCounts);
  return {
    id: row.id,
    name: row.name,
    nameSetByOperator: row.nameSetByOperator,
    nameIsShared: details.sharedNames.has(row.name),
    engineId: row.engineId,
    engine: { name: row.engineName, version: row.engineVersion, apiVersion: row.engineApiVersion },
    os: row.os,
    arch: row.arch,
    agentVersion: row.agentVersion,
    addresses: (facts?.addresses ?? null) as string[] | null,
    kernel: facts?.kernel ?? null,
    cpus: facts?.cpus ?? null,
    memoryBytes: typeof facts?.memoryBytes === 'bigint' ? Number(facts.memoryBytes) : null,
    engineFacts: (facts?.engineFacts ?? null) as EngineFacts | null,
    labels: row.labels as HostLabels,
    labelsBySource: labelsBySource(row),
    freshness: hostFreshness(row, context),
    problems: hostProblems(row, context.now),
    containerCount: row.containerCount - counts.infraCount,
    ...counts,
    revision: row.revision,
    lastSeenAt: row.lastSeenAt && clampToNow(row.lastSeenAt, context.now).toISOString(),
    confirmedAt: row.confirmedAt && clampToNow(row.confirmedAt, context.now).toISOString(),
    engineError: row.engineError,
    cloneSuspectedAt: row.cloneSuspectedAt?.toISOString() ?? null,
    clockSkewSeconds: row.clockSkewSeconds,
    enrolledAt: row.enrolledAt.toISOString(),
  };
};

/** The columns with the labels that each source sets on a host. */
export type HostLabelColumns = Pick<HostRow, 'operatorLabels' | 'agentLabels' | 'enrollmentTokenLabels'>;

export const labelsBySource = (row: HostLabelColumns): HostLabelsBySource => ({
  operator: row.operatorLabels as HostLabels,
  agent: row.agentLabels as HostLabels,
  enrollmentToken: row.enrollmentTokenLabels as HostLabels,
});
