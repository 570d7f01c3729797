import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { ConnectionState, StreamOptions } from '@muster/client';
import type { Host, StreamMessage, StreamMessageName } from '@muster/contracts';
import { QueryClient, QueryObserver } from '@tanstack/react-query';
import type * as ApplyMessage from '../src/lib/api/apply-message';
import type * as LiveConnection from '../src/lib/api/live-connection';
import type * as Refresh from '../src/lib/api/refresh';

let applyMessage: (typeof ApplyMessage)['applyMessage'];
let connectLive: (typeof LiveConnection)['connectLive'];
let refreshOlderThan: (typeof Refresh)['refreshOlderThan'];

// The modules use `window` when they are loaded.
beforeAll(async () => {
  const window = { location: { origin: 'http://muster.test' }, addEventListener() {}, removeEventListener() {} };
  Object.assign(globalThis, { window });
  ({ applyMessage } = await import('../src/lib/api/apply-message'));
  ({ connectLive } = await import('../src/lib/api/live-connection'));
  ({ refreshOlderThan } = await import('../src/lib/api/refresh'));
});

const message = (event: StreamMessageName, data: object = {}) => ({ event, data }) as StreamMessage;

describe('lists on the screen', () => {
  const AGE_MS = 20_000;
  let client: QueryClient;
  const stops: (() => void)[] = [];
  beforeEach(() => {
    jest.useFakeTimers({ now: 1_000_000, doNotFake: ['setImmediate', 'nextTick'] });
    client = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity, retry: false } } });
  });
  afterEach(() => {
    stops.splice(0).forEach((stop) => stop());
    client.clear();
    jest.useRealTimers();
  });

  /** Observes a query as a page does, and counts how often it is read. */
  function show(queryKey: unknown[], read: () => unknown = () => 'rows') {
    const counter = { reads: 0 };
    const queryFn = () => {
      counter.reads += 1;
      return Promise.resolve().then(read);
    };
    const observer = new QueryObserver(client, { queryKey, queryFn });
    stops.push(observer.subscribe(() => undefined));
    return counter;
  }
  const settle = () => jest.advanceTimersByTimeAsync(10);

  test('are read again when they reach the maximum age without a message of the stream, and not before', async () => {
    const containers = show(['containers', 'list', {}]);
    const session = show(['session']);
    await settle();
    await jest.advanceTimersByTimeAsync(AGE_MS - 1_000);
    refreshOlderThan(client, ['containers'], AGE_MS);
    await settle();
    expect(containers.reads).toBe(1);
    await jest.advanceTimersByTimeAsync(1_000);
    refreshOlderThan(client, ['containers'], AGE_MS);
    await settle();
    expect(containers.reads).toBe(2);
    refreshOlderThan(client, ['containers'], AGE_MS);
    await settle();
    expect(containers.reads).toBe(2);
    expect(session.reads).toBe(1);
  });

  test('are not retried more often than other lists are refreshed if reading fails', async () => {
    const containers = show(['containers'], () => {
      throw new Error('no answer');
    });
    await settle();
    for (let seconds = 0; seconds < 60; seconds += 5) {
      await jest.advanceTimersByTimeAsync(5_000);
      refreshOlderThan(client, ['containers'], AGE_MS);
      await settle();
    }
    expect(containers.reads).toBeGreaterThan(2);
    expect(containers.reads).toBeLessThanOrEqual(4);
  });

  test('are not refreshed if they have many pages, or if they are not displayed', async () => {
    const pages = { pages: [1, 2, 3, 4].map(() => ({ items: [], nextCursor: null })), pageParams: [] };
    const long = show(['containers'], () => pages);
    client.setQueryData(['events'], 'rows');
    await settle();
    await jest.advanceTimersByTimeAsync(AGE_MS * 2);
    refreshOlderThan(client, ['containers', 'events'], AGE_MS);
    await settle();
    expect(long.reads).toBe(1);
  });

  const host = (fields: Partial<Host> = {}) =>
    ({ id: 'h1', freshness: 'online', containerCount: 1, ...fields }) as Host;
  const refreshedBy = (received: StreamMessage): string[] => {
    const keys: string[] = [];
    applyMessage(client, received, (key) => keys.push(key.join('/')));
    return keys;
  };

  test('of containers are stale after each host message, because container messages may be missing', () => {
    client.setQueryData(['hosts', 'list', 200], { pages: [{ items: [host()], nextCursor: null }], pageParams: [null] });
    const keys = refreshedBy(message('host', host({ containerCount: 2 })));
    expect(keys).toEqual(expect.arrayContaining(['containers', 'events', 'images', 'ports', 'projects']));
    expect(keys).not.toContain('hosts');
  });

  test('of hosts keep their age when a host message updates them', () => {
    const key = ['hosts', 'list', 200];
    client.setQueryData(key, { pages: [{ items: [host()], nextCursor: null }], pageParams: [null] });
    const readAt = client.getQueryState(key)!.dataUpdatedAt;
    jest.setSystemTime(readAt + 10_000);
    refreshedBy(message('host', host({ containerCount: 2 })));
    expect(client.getQueryData(key)).toMatchObject({ pages: [{ items: [{ containerCount: 2 }] }] });
    expect(client.getQueryState(key)!.dataUpdatedAt).toBe(readAt);
  });

  test('of hosts, containers and counts are stale after a hosts-changed message', () => {
    expect(refreshedBy(message('hosts-changed'))).toEqual(expect.arrayContaining(['hosts', 'containers', 'summary']));
  });
});

describe('the live badge', () => {
  /** Connects to a stream whose messages the test sends. */
  function connected() {
    let onState: ((state: ConnectionState) => void) | undefined;
    const queue: StreamMessage[] = [];
    let wake: () => void = () => undefined;
    async function* stream(options: StreamOptions): AsyncGenerator<StreamMessage> {
      ({ onState } = options);
      while (!options.signal.aborted) {
        for (const next of queue.splice(0)) yield next;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
    const gaps: number[] = [];
    const live = connectLive({ stream }, { onMessage: () => undefined, onGap: () => gaps.push(1) });
    return {
      live,
      gaps,
      to: (state: ConnectionState) => onState!(state),
      receive: async (received: StreamMessage) => {
        queue.push(received);
        wake();
        await new Promise(setImmediate);
      },
    };
  }

  test('is not live while the stream is lagging or disconnected', async () => {
    const { live, to, receive, gaps } = connected();
    await receive(message('summary'));
    expect(live.state().kind).toBe('connecting');
    to({ state: 'open' });
    expect(live.state().kind).toBe('live');
    const since = '2026-03-01T12:00:00.000Z';
    await receive(message('lagging', { since }));
    expect(live.state()).toEqual({ kind: 'lagging', since: Date.parse(since) });
    await receive(message('host'));
    expect(live.state().kind).toBe('lagging');
    await receive(message('caught-up'));
    expect(live.state().kind).toBe('live');
    await receive(message('lagging', { since }));
    to({ state: 'waiting', retryInMs: 1, error: null });
    expect(live.state().kind).toBe('lost');
    to({ state: 'open' });
    expect(live.state().kind).toBe('live');
    expect(gaps).toHaveLength(1);
    live.close();
  });

  test('stays live after hosts-changed and reset, and only a reset causes everything to be read again', async () => {
    const { live, to, receive, gaps } = connected();
    await receive(message('summary'));
    to({ state: 'open' });
    await receive(message('hosts-changed'));
    expect(gaps).toHaveLength(0);
    await receive(message('reset'));
    expect(gaps).toHaveLength(1);
    expect(live.state().kind).toBe('live');
    live.close();
  });
});
