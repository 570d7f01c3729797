import { Freshness, HostProblemCode, type ContainerCounts, type Summary } from '@muster/contracts';
import { freshnessCutoffs, type FreshnessSource } from '../freshness/index.js';
import { cloneSuspectedFrom, splitStateCounts, type StateChanges } from '../sync/index.js';
import { countFleet } from './count-fleet.sql.js';

/**
 * Returns an organization's counts of hosts and containers, read at one point in time. If a count for the organization
 * is in progress, all calls that arrive in the meantime share the result of the next count.
 */
export type GetSummary = (organizationId: string) => Promise<Summary>;

export function createGetSummary({ db, freshnessContext }: FreshnessSource): GetSummary {
  /** The count in progress for each organization, and the count that starts after it. */
  const running = new Map<string, { current: Promise<Summary>; next: Promise<Summary> | null }>();

  async function count(organizationId: string): Promise<Summary> {
    const context = await freshnessContext();
    const { now } = context;
    const cutoffs = freshnessCutoffs(context);
    const fleetCounts = await countFleet(db, organizationId, cutoffs, cloneSuspectedFrom(now));
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
  }

  function begin(organizationId: string): Promise<Summary> {
    const current = count(organizationId).finally(() => {
      if (running.get(organizationId)?.next === null) running.delete(organizationId);
    });
    running.set(organizationId, { current, next: null });
    return current;
  }

  return (organizationId) => {
    const shared = running.get(organizationId);
    if (shared === undefined) return begin(organizationId);
    // The count in progress is not shared, because it may have started before the caller's last change was committed.
    const countAgain = () => begin(organizationId);
    shared.next ??= shared.current.then(countAgain, countAgain);
    return shared.next;
  };
}

function toCounts(counts: StateChanges): ContainerCounts {
  const { containersByState: byState, containersByHealth: byHealth } = splitStateCounts(counts);
  return { total: sum(byState), byState, byHealth };
}

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);
