import './window';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { StreamMessageName } from '@muster/contracts';
import { QueryClient } from '@tanstack/react-query';
import { toRecentEvents } from '../src/features/fleet/recent-events';
import {
  containersQuery,
  eventsQuery,
  FLEET_KEYS,
  hostsQuery,
  sessionQuery,
  staleKeysAfter,
} from '../src/lib/api/queries';
import { event, NOW } from './samples';

const realFetch = globalThis.fetch;
let client: QueryClient;
let requested: URL[];
beforeEach(() => {
  client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  requested = [];
});
afterEach(() => client.clear());
afterAll(() => {
  globalThis.fetch = realFetch;
});

/** Answers requests with these bodies, in this order. */
function answerWith(...answers: { status?: number; body: unknown }[]): void {
  globalThis.fetch = (input) => {
    requested.push(new URL(input instanceof Request ? input.url : input));
    const { status = 200, body } = answers.shift() ?? { status: 500, body: {} };
    const headers = { 'Content-Type': 'application/json' };
    return Promise.resolve(new Response(JSON.stringify(body), { status, headers }));
  };
}
const page = (items: string[], nextCursor: string | null) => ({ body: { items, nextCursor } });

describe('a list', () => {
  test('is read page by page, each from the cursor of the previous page, until there is no cursor', async () => {
    answerWith(page(['a', 'b'], 'c1'), page(['c'], 'c 2&'), page([], null));
    const data = await client.infiniteQuery({ ...containersQuery({ state: ['running', 'exited'] }), pages: 9 });
    expect(data.pages.flatMap(({ items }) => items)).toEqual(['a', 'b', 'c']);
    expect(requested.map(({ searchParams }) => searchParams.get('cursor'))).toEqual([null, 'c1', 'c 2&']);
    for (const { pathname, searchParams } of requested) {
      expect(pathname).toBe('/api/containers');
      expect(searchParams.getAll('state')).toEqual(['running', 'exited']);
      expect(searchParams.get('limit')).toBe('200');
    }
  });

  test('with other filters or another page size is a separate query', () => {
    const keys = [
      containersQuery({}),
      containersQuery({ q: 'a' }),
      containersQuery({}, 50),
      eventsQuery({}),
      hostsQuery(),
    ].map(({ queryKey }) => JSON.stringify(queryKey));
    expect(new Set(keys).size).toBe(keys.length);
    expect(JSON.stringify(containersQuery({}).queryKey)).toBe(keys[0]);
  });
});

describe('the session', () => {
  const refusal = (status: number) => ({
    status,
    body: { type: 'about:blank', title: 't', status, detail: 'd', requestId: 'r' },
  });

  test('is null if the user is not signed in, and causes an error if the server fails', async () => {
    answerWith(refusal(401), refusal(503));
    expect(await client.query(sessionQuery)).toBeNull();
    client.clear();
    await expect(client.query(sessionQuery)).rejects.toMatchObject({ status: 503 });
  });
});

describe('a message of the stream', () => {
  const topics = (name: StreamMessageName) => staleKeysAfter(name).map(([topic]) => topic);

  test('about containers makes all data stale that is computed from containers', () => {
    expect(topics('container')).toEqual(['containers', 'events', 'images', 'ports', 'projects']);
    expect(topics('host')).toEqual(topics('container'));
  });

  test('about many hosts makes the whole fleet stale', () => {
    expect(topics('hosts-changed').sort()).toEqual([...FLEET_KEYS].sort());
    expect(topics('host-deleted').sort()).toEqual([...FLEET_KEYS].sort());
  });

  test('that only describes the connection or contains all new data makes nothing stale', () => {
    for (const name of ['summary', 'lagging', 'caught-up', 'unauthorized'] as const) expect(topics(name)).toEqual([]);
  });
});

describe('the events of the last hour', () => {
  const start = NOW - 3_600_000;
  const items = [1, 2].map((minutes) => event({ recordedAt: new Date(NOW - minutes * 60_000).toISOString() }));

  test('are complete from the start of the hour or, if there are too many, from the oldest event that was read', () => {
    expect(toRecentEvents({ items, nextCursor: null }, start)).toEqual({ events: items, since: start });
    expect(toRecentEvents({ items, nextCursor: 'c' }, start)).toEqual({ events: items, since: NOW - 120_000 });
  });

  test('are an empty list until they have been read', () => {
    expect(toRecentEvents(undefined, start)).toEqual({ events: [], since: start });
  });
});
