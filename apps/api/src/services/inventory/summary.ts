import { Freshness, HostProblemCode, type ContainerCounts, type Summary } from '@muster/contracts';
import { shareReads } from '../../lib/share-reads.js';
import { freshnessCutoffs, type FreshnessSource } from '../freshness/index.js';
import { cloneSuspectedFrom, splitStateCounts, type StateCounts } from '../sync/index.js';
import { countFleet } from './count-fleet.sql.js';
import type { HostLabelFilters } from './host-labels.sql.js';

/**
 * Returns an organization's counts of hosts and containers; with `hostLabel`, only those of hosts with these labels.
 * All counts are read at one instant. Concurrent calls share a read.
 */
export type GetSummary = (organizationId: string, hostLabel?: HostLabelFilters) => Promise<Summary>;

export function createGetSummary({ db, freshnessContext }: FreshnessSource): GetSummary {
  return shareReads(async (organizationId, hostLabel) => {
    const context = await freshnessContext();
    const { now } = context;
    const cutoffs = freshnessCutoffs(context);
    const fleetCounts = await countFleet(db, organizationId, cutoffs, cloneSuspectedFrom(now), hostLabel);
    const byFreshness = Object.fromEntries(
      Freshness.options.map((freshness) => [freshness, fleetCounts.hosts[freshness] ?? 0]),
    ) as Record<Freshness, number>;
    const byProblem = Object.fromEntries(
      HostProblemCode.options.map((code) => [code, fleetCounts.problems[code] ?? 0]),
    ) as Record<HostProblemCode, number>;
    return {
      at: now.toISOString(),
      hosts: { total: sum(byFreshness), byFreshness, byProblem, cloneSuspected: fleetCounts.cloneSuspected },
      containers: { current: toCounts(fleetCounts.current), lastKnown: toCounts(fleetCounts.lastKnown) },
    };
  });
}

/** Converts the counts that are stored for a host, or sums of such counts. */
export function toCounts(counts: StateCounts): ContainerCounts {
  const {
    containersByState: byState,
    containersByHealth: byHealth,
    containersByExitReason: byExitReason,
    infraCount: infra,
  } = splitStateCounts(counts);
  return { total: sum(byState), byState, byHealth, byExitReason, infra };
}

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);
