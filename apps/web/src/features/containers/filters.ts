import { CURRENT_FRESHNESS, FRESHNESS, LAST_KNOWN_FRESHNESS } from '../../lib/container-status';
import type { ContainerSearch } from './search';

/** The change that removes all filters. It preserves the layout, which is the sort order, groups and columns. */
export const NO_FILTERS: Partial<ContainerSearch> = {
  q: undefined,
  hostId: undefined,
  hostFreshness: undefined,
  state: undefined,
  health: undefined,
  image: undefined,
  label: undefined,
  presence: undefined,
};

/** Returns the values without `value`, or undefined if none remain, because an address cannot contain an empty list. */
export const without = <T extends string>(values: readonly T[] | undefined, value: T): T[] | undefined => {
  const rest = values?.filter((other) => other !== value) ?? [];
  return rest.length === 0 ? undefined : rest;
};

/** Returns one chip for a set of values that the fleet page counts together, otherwise one chip for each value. */
function freshnessChips({ hostFreshness = [] }: ContainerSearch) {
  const isExactly = (values: readonly string[]): boolean =>
    hostFreshness.length === values.length &&
    values.every((value) => (hostFreshness as readonly string[]).includes(value));
  const all = { hostFreshness: undefined };
  if (isExactly(CURRENT_FRESHNESS)) return [{ key: 'current', label: 'Current only', change: all }];
  if (isExactly(LAST_KNOWN_FRESHNESS)) return [{ key: 'last known', label: 'Last known only', change: all }];
  return hostFreshness.map((value) => ({
    key: `freshness ${value}`,
    label: `Host: ${FRESHNESS[value].label}`,
    change: { hostFreshness: without(hostFreshness, value) },
  }));
}

/** An active filter, and the change that removes it. */
export interface Chip {
  key: string;
  label: string;
  text?: string;
  change: Partial<ContainerSearch>;
}

const FILTER_TITLES = { state: 'State', health: 'Health', image: 'Image', label: 'Label' } as const;

/** Returns the active filters except for hosts, whose names must be read first. */
export function createChips(search: ContainerSearch): Chip[] {
  const { q, presence } = search;
  return [
    ...(q === undefined ? [] : [{ key: 'q', label: '', text: `“${q}”`, change: { q: undefined } }]),
    ...freshnessChips(search),
    ...(['state', 'health', 'image', 'label'] as const).flatMap((name) =>
      (search[name] ?? []).map((value) => ({
        key: `${name} ${value}`,
        label: `${FILTER_TITLES[name]}:`,
        text: value,
        change: { [name]: without(search[name], value) },
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
  ];
}
