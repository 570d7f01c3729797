import { FRESHNESS } from '../../lib/container-status';
import { PROBLEM_TITLES } from '../../lib/format-problem';
import { removeValue } from '../../lib/search-params';
import type { HostSearch } from './search';

/** The change that removes all filters. The sort order does not change. */
export const NO_HOST_FILTERS: HostSearch = {
  q: undefined,
  freshness: undefined,
  problem: undefined,
  state: undefined,
  engine: undefined,
  agentVersion: undefined,
  hostLabel: undefined,
};

/** An active filter, and the change that removes it. */
interface Chip {
  key: string;
  label: string;
  text?: string;
  change: HostSearch;
}

const TEXT_FILTER_TITLES = {
  state: 'Has containers:',
  engine: 'Engine:',
  agentVersion: 'Agent:',
} as const;

/** Returns a chip for each active filter except the search term, which the search field shows. */
export function createHostChips(search: HostSearch): Chip[] {
  const { freshness = [], problem = [] } = search;
  return [
    ...freshness.map((value) => ({
      key: `freshness ${value}`,
      label: `Status: ${FRESHNESS[value].label}`,
      change: { freshness: removeValue(freshness, value) },
    })),
    ...problem.map((value) => ({
      key: `problem ${value}`,
      label: `Problem: ${PROBLEM_TITLES[value]}`,
      change: { problem: removeValue(problem, value) },
    })),
    ...(['state', 'engine', 'agentVersion'] as const).flatMap((name) =>
      (search[name] ?? []).map((value) => ({
        key: `${name} ${value}`,
        label: TEXT_FILTER_TITLES[name],
        text: value,
        change: { [name]: removeValue(search[name], value) },
      })),
    ),
  ];
}

/** Returns whether any filter is active. */
export const isFiltered = (search: HostSearch): boolean =>
  Object.keys(NO_HOST_FILTERS).some((name) => search[name as keyof HostSearch] !== undefined);
