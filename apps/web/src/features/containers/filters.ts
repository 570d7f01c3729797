import { CURRENT_FRESHNESS, FRESHNESS, LAST_KNOWN_FRESHNESS } from '../../lib/container-status';
import { EXIT_REASON_TITLES } from '../../lib/format-exit';
import { CONTAINER_PROBLEM_TITLES } from '../../lib/format-problem';
import { removeValue } from '../../lib/search-params';
import type { ContainerSearch } from './search';

/** The change that removes all filters. It keeps the layout: the sort order, the grouping and the columns. */
export const NO_FILTERS: Partial<ContainerSearch> = {
  q: undefined,
  hostId: undefined,
  hostLabel: undefined,
  hostFreshness: undefined,
  state: undefined,
  health: undefined,
  problem: undefined,
  exitReason: undefined,
  image: undefined,
  imageDigest: undefined,
  label: undefined,
  project: undefined,
  service: undefined,
  instance: undefined,
  infra: undefined,
  presence: undefined,
};

/**
 * Returns the chips for the selected freshness values. There is one chip for each value. If the values are exactly the
 * values that the fleet page counts as current, or as last known, there is a single chip instead.
 */
function freshnessChips({ hostFreshness = [] }: ContainerSearch) {
  const isExactly = (values: readonly string[]): boolean =>
    hostFreshness.length === values.length &&
    values.every((value) => (hostFreshness as readonly string[]).includes(value));
  const removal = { hostFreshness: undefined };
  if (isExactly(CURRENT_FRESHNESS)) return [{ key: 'current', label: 'Current only', change: removal }];
  if (isExactly(LAST_KNOWN_FRESHNESS)) return [{ key: 'last known', label: 'Last known only', change: removal }];
  return hostFreshness.map((value) => ({
    key: `freshness ${value}`,
    label: `Host: ${FRESHNESS[value].label}`,
    change: { hostFreshness: removeValue(hostFreshness, value) },
  }));
}

/** An active filter, and the change that removes it. */
export interface Chip {
  key: string;
  label: string;
  text?: string;
  change: Partial<ContainerSearch>;
}

const FILTER_TITLES = {
  state: 'State',
  health: 'Health',
  image: 'Image',
  imageDigest: 'Build',
  label: 'Label',
  project: 'Project',
  service: 'Service',
  instance: 'Instance',
} as const;

/** Returns a chip for each active filter except hosts, whose names must first be requested from the API. */
export function createChips(search: ContainerSearch): Chip[] {
  const { q, presence, infra } = search;
  return [
    ...(q === undefined ? [] : [{ key: 'q', label: '', text: `“${q}”`, change: { q: undefined } }]),
    ...freshnessChips(search),
    ...(search.problem ?? []).map((value) => ({
      key: `problem ${value}`,
      label: `Problem: ${CONTAINER_PROBLEM_TITLES[value]}`,
      change: { problem: removeValue(search.problem, value) },
    })),
    ...(search.exitReason ?? []).map((value) => ({
      key: `exitReason ${value}`,
      label: `Exit reason: ${EXIT_REASON_TITLES[value]}`,
      change: { exitReason: removeValue(search.exitReason, value) },
    })),
    ...(['state', 'health', 'image', 'imageDigest', 'label', 'project', 'service', 'instance'] as const).flatMap(
      (name) =>
        (search[name] ?? []).map((value) => ({
          key: `${name} ${value}`,
          label: `${FILTER_TITLES[name]}:`,
          text: value,
          change: { [name]: removeValue(search[name], value) },
        })),
    ),
    ...(presence === undefined
      ? []
      : [
          {
            key: 'presence',
            label: presence === 'all' ? 'Including removed' : 'Removed only',
            change: { presence: undefined },
          },
        ]),
    ...(infra === undefined
      ? []
      : [{ key: 'infra', label: 'Including infra containers', change: { infra: undefined } }]),
  ];
}
