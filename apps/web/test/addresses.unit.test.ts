import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { EVENT_KINDS } from '../src/lib/format-event';
import { CONTAINER_PROBLEM_CODES } from '../src/lib/format-problem';
import { HOST_FRESHNESS, LAST_KNOWN_FRESHNESS } from '../src/lib/container-status';
import {
  parseAll,
  parseChoice,
  parseChoices,
  parseFirst,
  parseSearch,
  removeValue,
  stringifySearch,
} from '../src/lib/search-params';
import { createChips, NO_FILTERS } from '../src/features/containers/filters';
import { COLUMNS, GROUPS, parseContainerSearch, SORTS, type ContainerSearch } from '../src/features/containers/search';
import { formatSort, nextSort, parseSort, sortKeysOf, toFilters } from '../src/features/containers/sort';
import { parseWorkloadSearch } from '../src/features/workload/search';
import { parseEventSearch } from '../src/features/events/search';

/** Any non-empty text, because a URL can contain any characters. */
const text = fc.string({ unit: 'binary', minLength: 1 });
const optionally = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
const texts = optionally(fc.uniqueArray(text, { minLength: 1, maxLength: 3 }));
const subsetOf = <T extends string>(values: readonly T[]) => optionally(fc.subarray([...values], { minLength: 1 }));

describe('a query string', () => {
  test('keeps all known values when it is formatted and parsed', () => {
    const search = { q: 'a&b', state: ['running', 'exited'], label: undefined };
    expect(stringifySearch(search)).toBe('?q=a%26b&state=running&state=exited');
    expect(parseSearch(stringifySearch(search))).toEqual({ q: 'a&b', state: ['running', 'exited'] });
    expect(parseAll('one')).toEqual(['one']);
    expect(parseChoice(['a', 'b'] as const, 'c')).toBeUndefined();
  });

  test('is empty if no parameter has a value', () => {
    expect(stringifySearch({ q: undefined, state: [], group: null })).toBe('');
    expect(parseSearch('')).toEqual({});
  });

  test('preserves all names and values of parameters', () => {
    const names = fc.string({ unit: 'binary', minLength: 1 });
    const values = fc.oneof(text, fc.array(text, { minLength: 2, maxLength: 3 }));
    fc.assert(
      fc.property(fc.dictionary(names, values), (search) => {
        expect(parseSearch(stringifySearch(search))).toEqual({ ...search });
      }),
    );
  });

  test('is parsed without its empty values', () => {
    expect([parseAll(['', 'a', '']), parseAll(''), parseAll(undefined), parseAll([])]).toEqual([
      ['a'],
      undefined,
      undefined,
      undefined,
    ]);
    expect([parseFirst(['', 'a', 'b']), parseFirst('')]).toEqual(['a', undefined]);
    expect(parseChoices(['a', 'b'] as const, ['c', 'b'])).toEqual(['b']);
    expect(parseChoices(['a', 'b'] as const, 'c')).toBeUndefined();
  });
});

test('a filter value that a URL repeats is used once', () => {
  expect(parseAll(['team=a', 'team=b', 'team=a'])).toEqual(['team=a', 'team=b']);
  expect(createChips(parseContainerSearch({ label: ['team', 'team'] }))).toHaveLength(1);
});

describe('the URL of the containers page', () => {
  const search: fc.Arbitrary<ContainerSearch> = fc.record({
    q: optionally(text),
    hostId: texts,
    hostFreshness: subsetOf(HOST_FRESHNESS),
    state: texts,
    health: subsetOf(['healthy', 'unhealthy', 'starting']),
    problem: subsetOf(CONTAINER_PROBLEM_CODES),
    image: texts,
    label: texts,
    project: texts,
    service: texts,
    instance: texts,
    presence: optionally(fc.constantFrom('removed' as const, 'all' as const)),
    infra: optionally(fc.constant(true as const)),
    sort: optionally(fc.constantFrom(...SORTS.flatMap((key) => [key, `-${key}`] as const))),
    group: optionally(fc.constantFrom(...GROUPS)),
    columns: subsetOf(COLUMNS),
  });

  test('contains the whole state of the page, so that opening it again shows the same page', () => {
    fc.assert(
      fc.property(search, (state) => {
        expect(parseContainerSearch(parseSearch(stringifySearch({ ...state })))).toEqual(state);
      }),
    );
  });

  test('can contain any values without breaking the page', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom(...Object.keys(NO_FILTERS), 'sort', 'group', 'columns'), text),
        (parameters) => {
          const parsedSearch = parseContainerSearch(parameters);
          expect(parseContainerSearch(parseSearch(stringifySearch({ ...parsedSearch })))).toEqual(parsedSearch);
          expect(() => createChips(parsedSearch)).not.toThrow();
        },
      ),
    );
  });

  test('ignores a filter with only unknown values', () => {
    const parsedSearch = parseContainerSearch({
      hostFreshness: 'unknown',
      health: ['ill'],
      columns: 'x',
      presence: 'y',
    });
    expect(Object.values(parsedSearch).filter((value) => value !== undefined)).toEqual([]);
  });

  test('is converted to the filters and the sort order for the API, without the layout', () => {
    const filters = toFilters({ q: 'a', sort: '-image', group: 'host', columns: ['id'] });
    expect(filters).toEqual({ q: 'a', sort: '-image' });
  });

  test('ignores a sort order that needs a host filter if the URL has no host filter', () => {
    expect(toFilters({ sort: '-changedAt' })).toEqual({ sort: undefined });
    expect(toFilters({ sort: 'state', hostId: ['h'] })).toEqual({ sort: 'state', hostId: ['h'] });
    expect(sortKeysOf({})).toEqual(['name', 'image', 'firstSeenAt']);
    expect(sortKeysOf({ hostId: ['h'] })).toEqual(SORTS);
  });
});

describe('the sort order of containers', () => {
  test('is read from the URL, which omits the default order', () => {
    for (const key of SORTS) {
      for (const descending of [true, false]) {
        expect(parseSort({ sort: formatSort({ key, descending }), hostId: ['h'] })).toEqual({ key, descending });
      }
    }
    expect(formatSort({ key: 'name', descending: false })).toBeUndefined();
    expect(formatSort({ key: 'name', descending: true })).toBe('-name');
  });

  test('is reversed by a second click, and is newest first after a first click on a time column', () => {
    const byName = { key: 'name', descending: false } as const;
    expect(nextSort(byName, 'name')).toEqual({ key: 'name', descending: true });
    expect(nextSort(byName, 'image')).toEqual({ key: 'image', descending: false });
    expect(nextSort(byName, 'changedAt')).toEqual({ key: 'changedAt', descending: true });
    expect(nextSort(nextSort(byName, 'changedAt'), 'changedAt')).toEqual({ key: 'changedAt', descending: false });
  });
});

describe('the active filters', () => {
  const all: ContainerSearch = {
    q: 'web',
    state: ['running', 'exited'],
    health: ['unhealthy'],
    image: ['nginx:1'],
    label: ['team=a', 'team'],
    hostFreshness: ['stale', 'left'],
    instance: ['1'],
    presence: 'all',
    infra: true,
    sort: '-name',
    group: 'host',
  };

  test('have one chip for each value, and each chip has a unique key', () => {
    const chips = createChips(all);
    expect(chips.map(({ label, text: value }) => [label, value])).toEqual(
      [
        ['', '“web”'],
        ['Host: stale'],
        ['Host: left'],
        ['State:', 'running'],
        ['State:', 'exited'],
        ['Health:', 'unhealthy'],
        ['Image:', 'nginx:1'],
        ['Label:', 'team=a'],
        ['Label:', 'team'],
        ['Instance:', '1'],
        ['Including removed'],
        ['Including infra containers'],
      ].map(([label, value]) => [label, value]),
    );
    expect(new Set(chips.map(({ key }) => key)).size).toBe(chips.length);
  });

  test('are all removed by removing each chip, and by "Clear all"', () => {
    let search = all;
    for (let chip = createChips(search)[0]; chip !== undefined; chip = createChips(search)[0]) {
      search = { ...search, ...chip.change };
    }
    const layout = { sort: '-name', group: 'host' };
    expect(parseSearch(stringifySearch({ ...search }))).toEqual(layout);
    expect(parseSearch(stringifySearch({ ...all, hostId: ['h1'], ...NO_FILTERS }))).toEqual(layout);
  });

  test('have one chip for several values that the fleet page counts together, regardless of their order', () => {
    const labels = (hostFreshness: ContainerSearch['hostFreshness']) =>
      createChips({ hostFreshness }).map(({ label }) => label);
    expect(labels(['online'])).toEqual(['Current only']);
    expect(labels([...LAST_KNOWN_FRESHNESS].reverse())).toEqual(['Last known only']);
    expect(labels(LAST_KNOWN_FRESHNESS.slice(1))).toHaveLength(LAST_KNOWN_FRESHNESS.length - 1);
    expect(labels([])).toEqual([]);
  });

  test('keep all other values when one value is removed', () => {
    expect(removeValue(['a', 'b'], 'a')).toEqual(['b']);
    expect(removeValue(['a', 'b'], 'c')).toEqual(['a', 'b']);
    expect(removeValue(['a'], 'a')).toBeUndefined();
    expect(removeValue(undefined, 'a')).toBeUndefined();
  });
});

test('the URL of a workload’s page preserves the workload, but drops an unknown kind', () => {
  const search = fc.record({
    kind: optionally(fc.constantFrom('compose' as const, 'swarm' as const, 'plain' as const)),
    hostId: optionally(text),
    project: optionally(text),
    service: optionally(text),
    instance: optionally(text),
  });
  fc.assert(
    fc.property(search, (state) => {
      expect(parseWorkloadSearch(parseSearch(stringifySearch({ ...state })))).toEqual(state);
    }),
  );
  expect(parseWorkloadSearch({ kind: 'fleet' }).kind).toBeUndefined();
});

test('the URL of the events page preserves its filters, but drops unknown event kinds', () => {
  const search = fc.record({ hostId: texts, name: optionally(text), kind: subsetOf(EVENT_KINDS) });
  fc.assert(
    fc.property(search, (state) => {
      expect(parseEventSearch(parseSearch(stringifySearch({ ...state })))).toEqual(state);
    }),
  );
  expect(parseEventSearch({ kind: ['exited', 'exploded'] }).kind).toEqual(['exited']);
  expect(parseEventSearch({ kind: 'exploded' }).kind).toBeUndefined();
});
