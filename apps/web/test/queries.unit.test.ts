import './window';
import { afterAll, afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { StreamMessageName } from '@muster/contracts';
import { QueryClient } from '@tanstack/react-query';
import { toRecentEvents } from '../src/features/fleet/recent-events';
import {
  containersQuery,
  eventsQuery,
  FLEET_TOPICS,
  hostsQuery,
  sessionQuery,
  SLOW_TOPICS,
  staleKeysAfter,
} from '../src/lib/api/queries';
import { event, NOW } from './samples';

const realFetch = globalThis.fetch;
let client: QueryClient;
let requestedUrls: URL[];
beforeEach(() => {
  client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  requestedUrls = [];
});
afterEach(() => client.clear());
afterAll(() => {
  globalThis.fetch = realFetch;
});

/** Responds to requests with these statuses and bodies, in this order. */
function respondWith(...responses: { status?: number; body: unknown }[]): void {
  globalThis.fetch = (input) => {
    requestedUrls.push(new URL(input instanceof Request ? input.url : input));
    const { status = 200, body } = responses.shift() ?? { status: 500, body: {} };
    const headers = { 'Content-Type': 'application/json' };
    return Promise.resolve(new Response(JSON.stringify(body), { status, headers }));
  };
}
const page = (items: string[], nextCursor: string | null) => ({ body: { items, nextCursor } });

describe('a list', () => {
  test('is read page by page until a page has no cursor', async () => {
    respondWith(page(['a', 'b'], 'c1'), page(['c'], 'c 2&'), page([], null));
    const data = await client.infiniteQuery({ ...containersQuery({ state: ['running', 'exited'] }), pages: 9 });
    expect(data.pages.flatMap(({ items }) => items)).toEqual(['a', 'b', 'c']);
    expect(requestedUrls.map(({ searchParams }) => searchParams.get('cursor'))).toEqual([null, 'c1', 'c 2&']);
    for (const { pathname, searchParams } of requestedUrls) {
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
  const rejection = (status: number) => ({
    status,
    body: { type: 'about:blank', title: 't', status, detail: 'd', requestId: 'r' },
  });

  test('is null if the user is not signed in, and an error if the server fails', async () => {
    respondWith(rejection(401), rejection(503));
    expect(await client.query(sessionQuery)).toBeNull();
    client.clear();
    await expect(client.query(sessionQuery)).rejects.toMatchObject({ status: 503 });
  });
});

describe('a message of the live stream', () => {
  const topics = (name: StreamMessageName) => staleKeysAfter(name).map(([topic]) => topic);

  test('about a container or a host makes all data that is computed from containers stale', () => {
    expect(topics('container')).toEqual(['attention', 'containers', 'events', 'images', 'ports', 'projects']);
    expect(topics('host')).toEqual(topics('container'));
  });

  test('about deleted hosts or many changed hosts makes all data about the fleet stale', () => {
    expect(topics('hosts-changed').sort()).toEqual([...FLEET_TOPICS].sort());
    expect(topics('host-deleted').sort()).toEqual([...FLEET_TOPICS, ...SLOW_TOPICS].sort());
  });

  test('that describes the connection or contains all new data makes nothing stale', () => {
    for (const name of ['summary', 'lagging', 'caught-up', 'heartbeat', 'unauthorized'] as const)
      expect(topics(name)).toEqual([]);
  });
});

describe('the events of the last hour', () => {
  const start = NOW - 3_600_000;
  const items = [1, 2].map((minutes) => event({ recordedAt: new Date(NOW - minutes * 60_000).toISOString() }));

  test('are complete from the start of the hour, or from the oldest event if there are too many events', () => {
    expect(toRecentEvents({ events: items, isComplete: true }, start)).toEqual({
      events: items,
      isLoaded: true,
      since: start,
    });
    expect(toRecentEvents({ events: items, isComplete: false }, start)).toEqual({
      events: items,
      isLoaded: true,
      since: NOW - 120_000,
    });
  });

  test('are an empty list until they have been read', () => {
    expect(toRecentEvents(undefined, start)).toEqual({ events: [], isLoaded: false, since: start });
  });
});
