import type { ContainerFreshness, ContainerProblemCode, ExitReason } from '@muster/contracts';
import { parseAll, parseChoice, parseChoices, parseFirst, parseFlag } from '../../lib/search-params';
import { HOST_FRESHNESS } from '../../lib/container-status';
import { EXIT_REASONS } from '../../lib/format-exit';
import { CONTAINER_PROBLEM_CODES } from '../../lib/format-problem';

export const SORTS = ['name', 'image', 'state', 'firstSeenAt', 'changedAt'] as const;
export type SortKey = (typeof SORTS)[number];
const SORT_PARAMETERS = SORTS.flatMap((key) => [key, `-${key}`] as const);

/** The columns after the name, in display order. */
export const COLUMNS = [
  'state',
  'host',
  'image',
  'ports',
  'project',
  'status',
  'changedAt',
  'firstSeenAt',
  'id',
] as const;
export type ColumnId = (typeof COLUMNS)[number];
export const COLUMNS_DEFAULT: readonly ColumnId[] = ['state', 'host', 'image', 'ports', 'project', 'changedAt'];

export const GROUPS = ['project', 'service', 'image', 'host'] as const;
export type Group = (typeof GROUPS)[number];

/** The query parameters of the containers page. They contain all state of the page, so that its URL can be shared. */
export interface ContainerSearch {
  q?: string | undefined;
  hostId?: string[] | undefined;
  hostLabel?: string[] | undefined;
  hostFreshness?: ContainerFreshness[] | undefined;
  state?: string[] | undefined;
  health?: string[] | undefined;
  problem?: ContainerProblemCode[] | undefined;
  exitReason?: ExitReason[] | undefined;
  image?: string[] | undefined;
  imageDigest?: string[] | undefined;
  label?: string[] | undefined;
  project?: string[] | undefined;
  service?: string[] | undefined;
  instance?: string[] | undefined;
  presence?: 'removed' | 'all' | undefined;
  /** Whether the list includes the infra containers of pods. */
  infra?: true | undefined;
  sort?: (typeof SORT_PARAMETERS)[number] | undefined;
  group?: Group | undefined;
  columns?: ColumnId[] | undefined;
}

const HEALTH_VALUES = ['healthy', 'unhealthy', 'starting'] as const;

export function parseContainerSearch(search: Record<string, unknown>): ContainerSearch {
  return {
    q: parseFirst(search['q']),
    hostId: parseAll(search['hostId']),
    hostLabel: parseAll(search['hostLabel']),
    hostFreshness: parseChoices(HOST_FRESHNESS, search['hostFreshness']),
    state: parseAll(search['state']),
    health: parseChoices(HEALTH_VALUES, search['health']),
    problem: parseChoices(CONTAINER_PROBLEM_CODES, search['problem']),
    exitReason: parseChoices(EXIT_REASONS, search['exitReason']),
    image: parseAll(search['image']),
    imageDigest: parseAll(search['imageDigest']),
    label: parseAll(search['label']),
    project: parseAll(search['project']),
    service: parseAll(search['service']),
    instance: parseAll(search['instance']),
    presence: parseChoice(['removed', 'all'] as const, search['presence']),
    infra: parseFlag(search['infra']),
    sort: parseChoice(SORT_PARAMETERS, search['sort']),
    group: parseChoice(GROUPS, search['group']),
    columns: parseChoices(COLUMNS, search['columns']),
  };
}
