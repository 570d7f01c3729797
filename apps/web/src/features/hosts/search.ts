import { HOST_SORT_KEYS, type Freshness, type HostProblemCode, type HostSortKey } from '@muster/contracts';
import { FRESHNESS } from '../../lib/container-status';
import { PROBLEM_TITLES } from '../../lib/format-problem';
import { parseAll, parseChoice, parseChoices, parseFirst } from '../../lib/search-params';
import { formatSortOrder, parseSortOrder, sortAfterClick, type Sort } from '../../lib/sort-order';

export const FRESHNESS_VALUES = Object.keys(FRESHNESS) as Freshness[];
export const PROBLEM_CODES = Object.keys(PROBLEM_TITLES) as HostProblemCode[];

const SORT_PARAMETERS = HOST_SORT_KEYS.flatMap((key) => [key, `-${key}`] as const);

/** The query parameters of the hosts page: the filters and the sort order. The API has the same parameters. */
export interface HostSearch {
  q?: string | undefined;
  freshness?: Freshness[] | undefined;
  problem?: HostProblemCode[] | undefined;
  state?: string[] | undefined;
  engine?: string[] | undefined;
  agentVersion?: string[] | undefined;
  /** Labels, each as `key=value`, or as `key` for any value. A host must have all of them. */
  hostLabel?: string[] | undefined;
  /** The key of the label by which the hosts are grouped. */
  group?: string | undefined;
  sort?: (typeof SORT_PARAMETERS)[number] | undefined;
}

export const parseHostSearch = (search: Record<string, unknown>): HostSearch => ({
  q: parseFirst(search['q']),
  freshness: parseChoices(FRESHNESS_VALUES, search['freshness']),
  problem: parseChoices(PROBLEM_CODES, search['problem']),
  state: parseAll(search['state']),
  engine: parseAll(search['engine']),
  agentVersion: parseAll(search['agentVersion']),
  hostLabel: parseAll(search['hostLabel']),
  group: parseFirst(search['group']),
  sort: parseChoice(SORT_PARAMETERS, search['sort']),
});

/**
 * Columns whose first click sorts in descending order: the worst hosts or the hosts with the most containers come
 * first.
 */
const DESCENDING_FIRST: ReadonlySet<HostSortKey> = new Set(['severity', 'containerCount']);

/** Returns the sort order that the query parameter selects. The default is the order by name. */
export const hostSort = ({ sort = 'name' }: HostSearch): Sort<HostSortKey> => parseSortOrder<HostSortKey>(sort);

/** Returns the value of `sort` after a click on the header of a column, or undefined for the default order. */
export function nextHostSort(search: HostSearch, key: HostSortKey): HostSearch['sort'] {
  const sort = formatSortOrder(sortAfterClick(hostSort(search), key, DESCENDING_FIRST));
  return sort === 'name' ? undefined : sort;
}
