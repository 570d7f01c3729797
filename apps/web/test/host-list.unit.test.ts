import './window';
import { describe, expect, test } from '@jest/globals';
import { HOST_DELETIONS_MAX, HOST_SORT_KEYS, type Host } from '@muster/contracts';
import { QueryClient } from '@tanstack/react-query';
import fc from 'fast-check';
import { createHostChips, isFiltered, NO_HOST_FILTERS } from '../src/features/hosts/filters';
import { deleteInBatches } from '../src/features/hosts/delete-in-batches';
import {
  FRESHNESS_VALUES,
  hostSort,
  nextHostSort,
  parseHostSearch,
  PROBLEM_CODES,
  type HostSearch,
} from '../src/features/hosts/search';
import { EMPTY_SELECTION, rowsBetween, select, selectedPart } from '../src/features/hosts/selection';
import { applyMessages } from '../src/lib/api/apply-message';
import { removeHosts } from '../src/lib/api/host-cache';
import { hostsQuery } from '../src/lib/api/queries';
import { parseSearch, stringifySearch } from '../src/lib/search-params';
import { host } from './samples';

const text = fc.string({ unit: 'binary', minLength: 1 });
const optionally = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
const texts = optionally(fc.uniqueArray(text, { minLength: 1, maxLength: 3 }));
const subsetOf = <T extends string>(values: readonly T[]) => optionally(fc.subarray([...values], { minLength: 1 }));

const hostsNamed = (...names: string[]): Host[] => names.map((name) => host({ id: name, name }));

describe('the URL of the hosts page', () => {
  const search: fc.Arbitrary<HostSearch> = fc.record({
    q: optionally(text),
    freshness: subsetOf(FRESHNESS_VALUES),
    problem: subsetOf(PROBLEM_CODES),
    state: texts,
    engine: texts,
    agentVersion: texts,
    sort: optionally(fc.constantFrom(...HOST_SORT_KEYS.flatMap((key) => [key, `-${key}`] as const))),
  });

  test('contains all filters and the sort order, so that opening it again shows the same page', () => {
    fc.assert(
      fc.property(search, (state) => {
        expect(parseHostSearch(parseSearch(stringifySearch({ ...state })))).toEqual(state);
      }),
    );
  });

  test('ignores unknown filters and sort orders', () => {
    const parsed = parseHostSearch({ freshness: 'ill', problem: 'cold', sort: 'mood', other: 'x' });
    expect(Object.values(parsed).filter((value) => value !== undefined)).toEqual([]);
  });

  test('loses a filter value when its chip is removed', () => {
    fc.assert(
      fc.property(search, (state) => {
        let left: HostSearch = { ...state, q: undefined };
        for (let count = createHostChips(left).length; count > 0; count -= 1) {
          left = { ...left, ...createHostChips(left)[0]!.change };
        }
        expect(isFiltered(left)).toBe(false);
        expect(left.sort).toBe(state.sort);
        expect(isFiltered({ ...state, ...NO_HOST_FILTERS })).toBe(false);
      }),
    );
  });
});

describe('the sort order of hosts', () => {
  test('is by name by default, and a second click on a column reverses the order', () => {
    expect(hostSort({})).toEqual({ key: 'name', descending: false });
    expect(nextHostSort({}, 'name')).toBe('-name');
    expect(nextHostSort({ sort: '-name' }, 'name')).toBeUndefined();
    expect(nextHostSort({}, 'agentVersion')).toBe('agentVersion');
  });

  test('is descending after the first click on the column of severities or container counts', () => {
    expect(nextHostSort({}, 'severity')).toBe('-severity');
    expect(nextHostSort({ sort: '-severity' }, 'severity')).toBe('severity');
    expect(nextHostSort({}, 'containerCount')).toBe('-containerCount');
  });
});

describe('the selection of hosts', () => {
  const rows = hostsNamed('a', 'b', 'c', 'd');

  test('contains all rows between two clicks with the Shift key, in either direction', () => {
    const idsBetween = (anchor: string | null, id: string) => rowsBetween(rows, anchor, id).map((row) => row.id);
    expect(idsBetween('b', 'd')).toEqual(['b', 'c', 'd']);
    expect(idsBetween('d', 'b')).toEqual(['b', 'c', 'd']);
    expect(idsBetween(null, 'c')).toEqual(['c']);
    expect(idsBetween('not in the list', 'c')).toEqual(['c']);
  });

  test('keeps hosts that are no longer in the list', () => {
    const selection = select(EMPTY_SELECTION, rows.slice(0, 2), true);
    expect(selectedPart(rows, selection)).toBe('some');
    expect(selectedPart(rows.slice(0, 2), selection)).toBe('all');
    expect(selectedPart(rows.slice(2), selection)).toBe('none');
    expect([...select(selection, rows.slice(0, 1), false).keys()]).toEqual(['b']);
    expect(selectedPart(rows, EMPTY_SELECTION)).toBe('none');
  });

  test('is deleted in batches that the API accepts, until a batch fails', async () => {
    const hosts = hostsNamed(...Array.from({ length: HOST_DELETIONS_MAX * 2 + 1 }, (_, index) => `h${index}`));
    const batches: number[] = [];
    const deleted: Host[] = [];
    const recordDeleted = (batch: readonly Host[]): void => void deleted.push(...batch);
    await deleteInBatches(hosts, (ids) => Promise.resolve(batches.push(ids.length)), recordDeleted);
    expect(batches).toEqual([HOST_DELETIONS_MAX, HOST_DELETIONS_MAX, 1]);
    expect(deleted).toEqual(hosts);

    deleted.length = 0;
    const failAtSecond = () => (deleted.length === 0 ? Promise.resolve() : Promise.reject(new Error('offline')));
    await expect(deleteInBatches(hosts, failAtSecond, recordDeleted)).rejects.toThrow('offline');
    expect(deleted).toHaveLength(HOST_DELETIONS_MAX);
  });
});

describe('the cached lists of hosts', () => {
  const listOf = (hosts: Host[], total?: number) => ({
    pages: [{ items: hosts, nextCursor: null, ...(total === undefined ? {} : { total }) }],
    pageParams: [null],
  });
  const complete = (fields: Partial<Host>): Host =>
    host({ containersByState: { running: 1 }, agentVersion: '1', ...fields });

  test('lose deleted hosts immediately, and have reduced totals', () => {
    const client = new QueryClient();
    const { queryKey } = hostsQuery({ sort: '-severity' });
    client.setQueryData(queryKey, listOf(hostsNamed('a', 'b', 'c'), 500));
    removeHosts(client, new Set(['b', 'not in the list']));
    expect(client.getQueryData(queryKey)).toEqual(listOf(hostsNamed('a', 'c'), 499));
    client.clear();
  });

  test('are refetched after changes that can affect a filter, but not if only container counts change', () => {
    const client = new QueryClient();
    const listed = complete({ id: 'a' });
    client.setQueryData(hostsQuery({ freshness: ['online'] }).queryKey, listOf([listed]));
    const keysAfter = (...hosts: Host[]): string[] => {
      const keys: string[] = [];
      const messages = hosts.map((data) => ({ event: 'host' as const, data }));
      applyMessages(client, messages, (key) => keys.push(key.join('/')));
      return keys;
    };
    expect(keysAfter({ ...listed, containersByState: { running: 9 } })).not.toContain('hosts/list');
    expect(keysAfter({ ...listed, freshness: 'stale' })).toContain('hosts/list');
    expect(keysAfter({ ...listed, freshness: 'stale', labels: { env: 'dev' } })).toContain('hosts/list');
    const unlisted = complete({ id: 'b' });
    expect(keysAfter(unlisted)).toContain('hosts/list');
    // The previous message stored the state of host b. The next message differs from this state only in container
    // counts.
    expect(keysAfter({ ...unlisted, containersByState: { running: 2 } })).not.toContain('hosts/list');
    client.clear();
  });

  test('keep the objects of unchanged hosts and pages, so that only changed rows are rendered', () => {
    const client = new QueryClient();
    const { queryKey } = hostsQuery();
    const [a, b] = [complete({ id: 'a' }), complete({ id: 'b' })];
    const data = { pages: [listOf([a]).pages[0]!, listOf([b]).pages[0]!], pageParams: [null, 'c'] };
    client.setQueryData(queryKey, data);
    applyMessages(client, [{ event: 'host', data: { ...b, containerCount: 5 } }], () => undefined);
    const changed = client.getQueryData(queryKey)!;
    expect(changed.pages[0]).toBe(data.pages[0]);
    expect(changed.pages[1]!.items[0]).toMatchObject({ id: 'b', containerCount: 5 });
    client.clear();
  });
});
