import type { ContainerFreshness, ContainerQuery } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { type FreshnessCutoffs, freshnessSql } from '../freshness/index.js';
import { exitKey, healthKey, INFRA_KEY, stateKey } from '../sync/index.js';
import {
  and,
  BUILD_BEGINNING,
  BUILD_TEXT,
  IMAGE_BEGINNING,
  textBeginning,
  isInState,
  NOT_INFRA,
  or,
} from './container-columns.sql.js';
import { problemFilter } from './container-problems.sql.js';
import { containerOrder, type ContainerOrder } from './container-order.sql.js';
import { hasLabels } from './host-labels.sql.js';
import { labelFilter, textFilter, type Filter } from './container-text.sql.js';
import { workloadFilters } from './workload-filter.sql.js';

/**
 * A query in SQL. The table of containers has two halves: the present rows and the removed rows. Each index that has
 * the order of a list covers only one half.
 */
export interface ContainerSearch {
  query: ContainerQuery;
  order: ContainerOrder;
  ofOrganization: Prisma.Sql;
  /** For each half of the table that can contain matches, the condition that selects the half. */
  halves: Prisma.Sql[];
  /** Returns the condition that a row of the organization is in one of the halves and meets a condition. */
  inHalves: (condition: Prisma.Sql) => Prisma.Sql;
  /** All filters except the filter by host id. Filters whose indexes usually find few rows come first. */
  filters: Filter[];
  /** Selects the hosts of all matches. Null if no filter restricts the hosts, or if removed containers can match. */
  hosts: Prisma.Sql | null;
}

const IS_PRESENT = Prisma.sql`c."removedAt" IS NULL`;
const IS_REMOVED = Prisma.sql`c."removedAt" IS NOT NULL`;

/** Returns the condition that the containers of a host (table alias `h`) have one of these freshness values. */
export const containersHaveFreshness = (hostFreshness: ContainerFreshness[], cutoffs: FreshnessCutoffs): Prisma.Sql =>
  Prisma.sql`${freshnessSql(cutoffs).containers} = ANY (${hostFreshness}::text[])`;

/** Returns the search for a query. @throws InvalidRequestError if its cursor belongs to another order. */
export function containerSearch(
  organizationId: string,
  query: ContainerQuery,
  cutoffs: FreshnessCutoffs,
  now: Date,
): ContainerSearch {
  const {
    hostFreshness,
    hostLabel,
    state,
    health,
    problem,
    exitReason,
    image,
    imageDigest,
    label = [],
    q,
    presence,
    infra,
  } = query;
  // A removed container is `exited` and has no health, problem or reason, regardless of its last state.
  const canMatchRemoved =
    [health, problem, exitReason].every((filter) => filter === undefined) &&
    (state === undefined || state.includes('exited'));
  const halves = {
    present: [IS_PRESENT],
    removed: [IS_REMOVED],
    all: canMatchRemoved ? [IS_PRESENT, IS_REMOVED] : [IS_PRESENT],
  }[presence];
  // With `problem`, infra containers are always excluded, because the problem counts exclude them.
  const isIncluded = infra && problem === undefined ? Prisma.sql`TRUE` : NOT_INFRA;
  const ofOrganization = Prisma.sql`(c."organizationId" = ${organizationId} AND ${isIncluded})`;
  const inHalves = (condition: Prisma.Sql) => or(halves.map((half) => and([ofOrganization, half, condition])));
  // No index contains state or health, because a restart changes them. The counts of the hosts restrict the search
  // instead.
  const hostCounts = (keys: string[]) => Prisma.sql`h."stateCounts" ?| ${infra ? [...keys, INFRA_KEY] : keys}::text[]`;

  const filters: Filter[] = [];
  const exact = (matches: Prisma.Sql): Filter => ({ matches, indexed: [matches], isExact: true });
  if (presence === 'removed') filters.push(exact(and([ofOrganization, IS_REMOVED])));
  if (imageDigest) {
    const matches = Prisma.sql`${BUILD_TEXT} = ANY (${imageDigest}::text[])`;
    const beginning = Prisma.sql`${BUILD_BEGINNING} = ANY (${imageDigest.map(textBeginning)}::text[])`;
    filters.push({ matches, indexed: [inHalves(beginning)] });
  }
  if (image) {
    const matches = Prisma.sql`c.image = ANY (${image}::text[])`;
    const beginning = Prisma.sql`${IMAGE_BEGINNING} = ANY (${image.map(textBeginning)}::text[])`;
    filters.push({ matches, indexed: [inHalves(beginning)] });
  }
  filters.push(...workloadFilters(query, inHalves));
  if (q !== undefined) filters.push(textFilter(q, ofOrganization, inHalves));
  filters.push(...label.map((one) => labelFilter(one, ofOrganization)));
  if (state) filters.push({ matches: isInState(state), hostCondition: hostCounts(state.map(stateKey)) });
  const isOfHealth = Prisma.sql`c.health = ANY (${health}::text[])`;
  if (health) filters.push({ matches: isOfHealth, hostCondition: hostCounts(health.map(healthKey)) });
  const hasReason = Prisma.sql`c.exit ->> 'reason' = ANY (${exitReason}::text[])`;
  if (exitReason) filters.push({ matches: hasReason, hostCondition: hostCounts(exitReason.map(exitKey)) });
  if (problem) {
    const isOnline = containersHaveFreshness(['online'], cutoffs);
    filters.push(problemFilter(problem, organizationId, { now, isOnline, hostId: query.hostId }));
  }
  const hostsWhere = (condition: Prisma.Sql) => Prisma.sql`
    SELECT h.id, h."containerCount" FROM hosts AS h WHERE h."organizationId" = ${organizationId} AND ${condition}`;
  const ofHostsWhere = (ofHosts: Prisma.Sql): Filter => {
    const found = Prisma.sql`SELECT id FROM (${hostsWhere(ofHosts)}) AS h`;
    return { ...exact(Prisma.sql`c."hostId" = ANY (ARRAY(${found}))`), hostCondition: ofHosts };
  };
  if (hostFreshness) filters.push(ofHostsWhere(containersHaveFreshness(hostFreshness, cutoffs)));
  if (hostLabel) filters.push(ofHostsWhere(hasLabels(hostLabel)));
  const ofHosts = filters.flatMap((filter) => filter.hostCondition ?? []);
  // The counts of a host do not include its removed containers, so they cannot restrict a search for removed
  // containers.
  const hosts = ofHosts.length > 0 && !halves.includes(IS_REMOVED) ? hostsWhere(and(ofHosts)) : null;
  return { query, order: containerOrder(query), ofOrganization, halves, inHalves, filters, hosts };
}
