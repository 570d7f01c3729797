import type { Summary } from '@muster/contracts';
import { useQueries, useQuery } from '@tanstack/react-query';
import { hostQuery, summaryQuery } from '../../lib/api/queries';
import { CURRENT_FRESHNESS, LAST_KNOWN_FRESHNESS } from '../../lib/container-status';
import type { ContainerSearch } from './search';

const hasExactly = (values: readonly string[], expected: readonly string[]): boolean =>
  values.length === expected.length && expected.every((value) => values.includes(value));

function countOfFleet({ containers }: Summary, freshness: readonly string[] | undefined): number | null {
  if (freshness === undefined) return containers.current.infra + containers.lastKnown.infra;
  if (hasExactly(freshness, CURRENT_FRESHNESS)) return containers.current.infra;
  return hasExactly(freshness, LAST_KNOWN_FRESHNESS) ? containers.lastKnown.infra : null;
}

/**
 * Returns the number of infra containers of the fleet or of the selected hosts. If another filter restricts the list,
 * their number is unknown, and the result is null.
 */
export function useInfraCount({ hostId, hostFreshness, ...search }: ContainerSearch): number | null {
  const { group: _group, columns: _columns, sort: _sort, infra: _infra, ...others } = search;
  const { data: summary } = useQuery({ ...summaryQuery, enabled: hostId === undefined });
  const hosts = useQueries({ queries: (hostId ?? []).map((id) => hostQuery(id)) });
  if (Object.values(others).some((value) => value !== undefined)) return null;
  if (hostId === undefined) return summary === undefined ? null : countOfFleet(summary, hostFreshness);
  if (hostFreshness !== undefined) return null;
  return hosts.reduce((sum, { data }) => sum + (data?.infraCount ?? 0), 0);
}
