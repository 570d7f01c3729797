import './window';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ProblemError, type ConnectionState, type StreamOptions } from '@muster/client';
import type { Host, StreamMessage, StreamMessageName } from '@muster/contracts';
import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { applyMessages } from '../src/lib/api/apply-message';
import { connectLive, isPolling } from '../src/lib/api/live-connection';
import { recentEventsQuery, sharedNamesQuery, type RecentEventList } from '../src/lib/api/queries';
import { createRefreshSchedule, refresh, refreshOlderThan } from '../src/lib/api/refresh';
import { event } from './samples';

const message = (event: StreamMessageName, data: object = {}) => ({ event, data }) as StreamMessage;

describe('the cached lists', () => {
  const AGE_MS = 20_000;
  let client: QueryClient;
  const unsubscribers: (() => void)[] = [];
  beforeEach(() => {
    jest.useFakeTimers({ now: 1_000_000, doNotFake: ['setImmediate', 'nextTick'] });
    client = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity, retry: false } } });
  });
  afterEach(() => {
    unsubscribers.splice(0).forEach((unsubscribe) => unsubscribe());
    client.clear();
    jest.useRealTimers();
  });

  /** Observes a query as a page does, and counts how often its data is read. */
  function observe(queryKey: unknown[], read: () => unknown = () => 'rows') {
    const counter = { reads: 0 };
    const queryFn = () => {
      counter.reads += 1;
      return Promise.resolve().then(read);
    };
    const observer = new QueryObserver(client, { queryKey, queryFn });
    unsubscribers.push(observer.subscribe(() => undefined));
    return counter;
  }
  const settle = () => jest.advanceTimersByTimeAsync(10);

  test('are refetched only when they reach the maximum age without a stream message', async () => {
    const containers = observe(['containers', 'list', {}]);
    const session = observe(['session']);
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

  test('are requested at a limited rate if requests fail', async () => {
    const containers = observe(['containers'], () => {
      throw new Error('no response');
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

  test('are not refreshed if they have many pages or are not displayed', async () => {
    const pages = { pages: [1, 2, 3, 4].map(() => ({ items: [], nextCursor: null })), pageParams: [] };
    const longList = observe(['containers'], () => pages);
    client.setQueryData(['events'], 'rows');
    await settle();
    await jest.advanceTimersByTimeAsync(AGE_MS * 2);
    refreshOlderThan(client, ['containers', 'events'], AGE_MS);
    await settle();
    expect(longList.reads).toBe(1);
  });

  test('are refetched after a change, or only marked as stale if they have many pages', async () => {
    const pagesOf = (count: number) => ({
      pages: Array.from({ length: count }, () => ({ items: [], nextCursor: null })),
      pageParams: [],
    });
    const shortList = observe(['containers', 'short'], () => pagesOf(3));
    const longList = observe(['containers', 'long'], () => pagesOf(4));
    const otherList = observe(['hosts']);
    await settle();
    refresh(client, ['containers']);
    await settle();
    expect([shortList.reads, longList.reads, otherList.reads]).toEqual([2, 1, 1]);
    expect(client.getQueryState(['containers', 'long'])!.isInvalidated).toBe(true);
    expect(client.getQueryState(['hosts'])!.isInvalidated).toBe(false);
    refresh(client);
    await settle();
    expect([shortList.reads, longList.reads, otherList.reads]).toEqual([3, 1, 2]);
  });

  test('are refetched two seconds after a change, but only every few seconds under constant change', async () => {
    const containers = observe(['containers', 'list']);
    const attention = observe(['attention']);
    await settle();
    const schedule = createRefreshSchedule(client);
    const changeFor = async (seconds: number) => {
      for (let passed = 0; passed < seconds; passed += 1) {
        for (const key of [['containers'], ['attention']]) schedule.add(key);
        await jest.advanceTimersByTimeAsync(1_000);
      }
    };
    await changeFor(3);
    expect([containers.reads, attention.reads]).toEqual([2, 2]);
    await changeFor(60);
    expect([containers.reads, attention.reads]).toEqual([14, 8]);
    await jest.advanceTimersByTimeAsync(20_000);
    const [containerReads, attentionReads] = [containers.reads, attention.reads];
    await changeFor(1);
    await jest.advanceTimersByTimeAsync(1_000);
    expect([containers.reads, attention.reads]).toEqual([containerReads + 1, attentionReads + 1]);
    await changeFor(1);
    schedule.clear();
    await jest.advanceTimersByTimeAsync(60_000);
    expect([containers.reads, attention.reads]).toEqual([containerReads + 1, attentionReads + 1]);
  });

  const host = (fields: Partial<Host> = {}) =>
    ({
      id: 'h1',
      freshness: 'online',
      problems: [],
      containersByState: {},
      containerCount: 1,
      ...fields,
    }) as unknown as Host;
  const keysRefreshedBy = (received: StreamMessage): string[] => {
    const keys: string[] = [];
    applyMessages(client, [received], (key) => keys.push(key.join('/')));
    return keys;
  };

  test('of containers are stale after each host message, because container messages may arrive later', () => {
    client.setQueryData(['hosts', 'list', 200], { pages: [{ items: [host()], nextCursor: null }], pageParams: [null] });
    const keys = keysRefreshedBy(message('host', host({ containerCount: 2 })));
    expect(keys).toEqual(expect.arrayContaining(['containers', 'events', 'images', 'ports', 'projects']));
    expect(keys).not.toContain('hosts');
  });

  test('of hosts keep their age when a host message updates them', () => {
    const key = ['hosts', 'list', 200];
    client.setQueryData(key, { pages: [{ items: [host()], nextCursor: null }], pageParams: [null] });
    const readAt = client.getQueryState(key)!.dataUpdatedAt;
    jest.setSystemTime(readAt + 10_000);
    keysRefreshedBy(message('host', host({ containerCount: 2 })));
    expect(client.getQueryData(key)).toMatchObject({ pages: [{ items: [{ containerCount: 2 }] }] });
    expect(client.getQueryState(key)!.dataUpdatedAt).toBe(readAt);
  });

  const recentEvents = recentEventsQuery(new Date(0).toISOString(), 3);
  const recentIds = () => client.getQueryData<RecentEventList>(recentEvents.queryKey)!.events.map(({ id }) => id);
  const showEvents = (...ids: string[]) =>
    client.setQueryData(recentEvents.queryKey, { events: ids.map((id) => event({ id })), isComplete: true });

  test('of recent events get new events without a request, newest first, up to the maximum', () => {
    showEvents('90-7', '90-2');
    const keys: string[] = [];
    const events = ['100-1', '90-7', '90-3'].map((id) => message('container', event({ id })));
    applyMessages(client, events.slice(1), (key) => keys.push(key.join('/')));
    expect(recentIds()).toEqual(['90-7', '90-3', '90-2']);
    expect(client.getQueryData(recentEvents.queryKey)).toMatchObject({ isComplete: true });
    applyMessages(client, events.slice(0, 1), (key) => keys.push(key.join('/')));
    expect(recentIds()).toEqual(['100-1', '90-7', '90-3']);
    expect(client.getQueryData(recentEvents.queryKey)).toMatchObject({ isComplete: false });
    expect(keys).not.toContain('recent-events');
  });

  test('of recent events ignore events before their period, and show the new name of a host', () => {
    const { queryKey } = recentEventsQuery(event({}).recordedAt, 3);
    client.setQueryData(queryKey, { events: [event({ id: '1-1', hostId: 'h1' })], isComplete: true });
    const old = event({ id: '2-1', recordedAt: new Date(Date.parse(event({}).recordedAt) - 1).toISOString() });
    applyMessages(client, [message('container', old), message('host', host({ name: 'renamed' }))], () => undefined);
    expect(client.getQueryData<RecentEventList>(queryKey)!.events).toEqual([
      event({ id: '1-1', hostId: 'h1', hostName: 'renamed' }),
    ]);
  });

  test('of recent events are refetched if a change occurs during a request', async () => {
    showEvents('1-1');
    let respond: (list: RecentEventList) => void = () => undefined;
    const request = client.query({
      queryKey: recentEvents.queryKey,
      queryFn: () => new Promise<RecentEventList>((resolve) => (respond = resolve)),
      staleTime: 0,
    });
    expect(keysRefreshedBy(message('host', host()))).not.toContain('recent-events');
    expect(keysRefreshedBy(message('container', event({ id: '2-1' })))).toContain('recent-events');
    respond({ events: [], isComplete: true });
    await request;
    expect(keysRefreshedBy(message('container', event({ id: '3-1' })))).not.toContain('recent-events');
  });

  const showHosts = (...hosts: Host[]) =>
    client.setQueryData(['hosts', 'list', 200], { pages: [{ items: hosts, nextCursor: null }], pageParams: [null] });

  test('of hosts are refetched after a message about an unlisted host, which gets a cache entry', () => {
    showHosts(host());
    const added = host({ id: 'h2' });
    expect(keysRefreshedBy(message('host', added))).toContain('hosts/list');
    expect(client.getQueryData(['hosts', 'one', 'h2'])).toEqual(added);
    expect(client.getQueryData(['hosts', 'list', 200])).toMatchObject({ pages: [{ items: [{ id: 'h1' }] }] });
  });

  test('of hosts are updated from several messages at once, and each host gets a cache entry', () => {
    showHosts(host(), host({ id: 'h2' }));
    const [stale, renamed] = [host({ freshness: 'stale' }), host({ id: 'h2', name: 'renamed' })];
    applyMessages(client, [message('host', stale), message('host', renamed)], () => undefined);
    expect(client.getQueryData(['hosts', 'one', 'h1'])).toEqual(stale);
    expect(client.getQueryData(['hosts', 'one', 'h2'])).toEqual(renamed);
  });

  test('of hosts with shared names are refetched when a host gets or loses a shared name', () => {
    showHosts(host());
    expect(keysRefreshedBy(message('host', host({ nameIsShared: true })))).not.toContain('hosts/shared-names');
    client.setQueryData(sharedNamesQuery.queryKey, [host({ id: 'h2', name: 'twin', nameIsShared: true })]);
    const isRefreshedBy = (changed: Host) => keysRefreshedBy(message('host', changed)).includes('hosts/shared-names');
    expect(isRefreshedBy(host({ nameIsShared: false }))).toBe(false);
    expect(isRefreshedBy(host({ name: 'twin', nameIsShared: true }))).toBe(true);
    expect(isRefreshedBy(host({ id: 'h2', name: 'twin', nameIsShared: true }))).toBe(false);
    expect(isRefreshedBy(host({ id: 'h2', name: 'other', nameIsShared: true }))).toBe(true);
    expect(isRefreshedBy(host({ id: 'h2', name: 'twin', nameIsShared: false }))).toBe(true);
  });

  test('of hosts show the freshness from the last message; hosts that the message does not list are online', () => {
    showHosts(host({ id: 'h1' }), host({ id: 'h2', freshness: 'offline' }), host({ id: 'h3', freshness: 'stale' }));
    const freshnessMessage = message('freshness', {
      hosts: [
        { hostId: 'h1', freshness: 'stale' },
        { hostId: 'h3', freshness: 'stale' },
      ],
    });
    expect(keysRefreshedBy(freshnessMessage)).toEqual([
      'hosts/list',
      'fleet-map',
      'containers',
      'recent-events',
      'host-events',
    ]);
    expect(client.getQueryData(['hosts', 'list', 200])).toMatchObject({
      pages: [{ items: [{ freshness: 'stale' }, { freshness: 'online' }, { freshness: 'stale' }] }],
    });
    // The same message changes no host when it is received again. Events are refetched, because messages may have been
    // missed between two connections.
    expect(keysRefreshedBy(freshnessMessage)).toEqual(['recent-events', 'host-events']);
  });

  test('are not refetched after a summary message or the end of the session', () => {
    client.setQueryData(['session'], { role: 'viewer' });
    expect(keysRefreshedBy(message('summary', { hosts: { total: 3 } }))).toEqual([]);
    expect(client.getQueryData(['summary'])).toEqual({ hosts: { total: 3 } });
    expect(keysRefreshedBy(message('unauthorized'))).toEqual([]);
    expect(client.getQueryData(['session'])).toBeNull();
  });

  test('of hosts, containers and counts are stale after a hosts-changed message', () => {
    expect(keysRefreshedBy(message('hosts-changed'))).toEqual(
      expect.arrayContaining(['hosts', 'containers', 'summary']),
    );
  });
});

describe('the live badge', () => {
  beforeEach(() => {
    jest.useFakeTimers({ now: 1_000_000, doNotFake: ['setImmediate', 'nextTick'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** Connects to a stream whose messages the test sends. */
  function connect() {
    let onState: ((state: ConnectionState) => void) | undefined;
    const queue: StreamMessage[] = [];
    let wakeStream: () => void = () => undefined;
    async function* stream(options: StreamOptions): AsyncGenerator<StreamMessage> {
      ({ onState } = options);
      while (!options.signal.aborted) {
        for (const next of queue.splice(0)) yield next;
        await new Promise<void>((resolve) => (wakeStream = resolve));
      }
    }
    const gaps: number[] = [];
    const live = connectLive({ stream }, { onMessage: () => undefined, onGap: () => gaps.push(1) });
    return {
      live,
      gaps,
      setConnection: (state: ConnectionState) => onState!(state),
      receive: async (...received: StreamMessage[]) => {
        queue.push(...received);
        wakeStream();
        await new Promise(setImmediate);
      },
    };
  }
  const DISCONNECTED = { state: 'waiting', retryInMs: 1, error: null } as const;

  test('is not live before the first message, while the stream lags, or while it is disconnected', async () => {
    const { live, setConnection, receive, gaps } = connect();
    await receive();
    setConnection({ state: 'open' });
    expect(live.state().kind).toBe('connecting');
    await receive(message('summary'));
    expect(live.state().kind).toBe('live');
    const since = '2026-03-01T12:00:00.000Z';
    await receive(message('lagging', { since }));
    expect(live.state()).toEqual({ kind: 'lagging', since: Date.parse(since) });
    await receive(message('host'));
    expect(live.state().kind).toBe('lagging');
    await receive(message('caught-up'));
    expect(live.state().kind).toBe('live');
    await receive(message('lagging', { since }));
    setConnection(DISCONNECTED);
    expect(live.state().kind).toBe('lost');
    setConnection({ state: 'open' });
    expect(live.state().kind).toBe('lost');
    expect(gaps).toHaveLength(0);
    await receive(message('summary'));
    expect(live.state().kind).toBe('live');
    expect(gaps).toHaveLength(1);
    live.close();
  });

  test('changes to silent after at most 20 seconds without a message, and data is polled', async () => {
    const { live, setConnection, receive, gaps } = connect();
    await receive();
    setConnection({ state: 'open' });
    await jest.advanceTimersByTimeAsync(10_000);
    expect(live.state()).toMatchObject({ kind: 'silent' });
    expect(isPolling(live.state())).toBe(true);
    expect(gaps).toHaveLength(1);
    live.close();

    const late = connect();
    await late.receive();
    late.setConnection({ state: 'open' });
    await late.receive(message('summary'));
    await jest.advanceTimersByTimeAsync(15_000);
    expect(late.live.state().kind).toBe('live');
    await jest.advanceTimersByTimeAsync(5_000);
    expect(late.live.state().kind).toBe('silent');
    late.live.close();
  });

  test('is not live while a proxy buffers messages, until messages arrive regularly', async () => {
    const { live, setConnection, receive, gaps } = connect();
    await receive();
    setConnection({ state: 'open' });
    for (let burst = 0; burst < 3; burst += 1) {
      await jest.advanceTimersByTimeAsync(35_000);
      await receive(message('summary'), message('heartbeat'), message('heartbeat'));
      expect(live.state().kind).toBe('silent');
    }
    expect(gaps).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(15_000);
    await receive(message('heartbeat'));
    expect(live.state().kind).toBe('live');
    expect(gaps).toHaveLength(2);
    live.close();
  });

  test('is live immediately after a working connection replaces a silent connection', async () => {
    const { live, setConnection, receive } = connect();
    await receive();
    setConnection({ state: 'open' });
    await jest.advanceTimersByTimeAsync(40_000);
    setConnection(DISCONNECTED);
    setConnection({ state: 'open' });
    await receive(message('summary'));
    expect(live.state().kind).toBe('live');
    live.close();
  });

  test('stays live after hosts-changed and reset messages; only a reset message refetches all data', async () => {
    const { live, setConnection, receive, gaps } = connect();
    await receive(message('summary'));
    setConnection({ state: 'open' });
    await receive(message('hosts-changed'));
    expect(gaps).toHaveLength(0);
    await receive(message('reset'));
    expect(gaps).toHaveLength(1);
    expect(live.state().kind).toBe('live');
    live.close();
  });
});

describe('a stream that the API rejects', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  const rejection = (status: number) =>
    new ProblemError({ type: 'about:blank', title: 't', status, detail: 'd', requestId: 'r' }, null);

  /** Connects to a stream that the API rejects with `error` at each attempt. */
  async function connectRejected(error: Error) {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick'] });
    const attempts: AbortSignal[] = [];
    const received: StreamMessageName[] = [];
    // eslint-disable-next-line require-yield -- this stream fails before its first message
    async function* stream({ signal }: StreamOptions): AsyncGenerator<StreamMessage> {
      attempts.push(signal);
      throw error;
    }
    const live = connectLive({ stream }, { onMessage: ({ event }) => received.push(event), onGap: () => undefined });
    await new Promise(setImmediate);
    return { live, attempts, received };
  }

  test('is retried every 15 seconds until the page is closed', async () => {
    const { live, attempts, received } = await connectRejected(rejection(404));
    expect(live.state().kind).toBe('lost');
    await jest.advanceTimersByTimeAsync(14_000);
    expect(attempts).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(32_000);
    expect(attempts).toHaveLength(4);
    live.close();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(attempts).toHaveLength(4);
    expect(attempts.at(-1)!.aborted).toBe(true);
    expect(received).toEqual([]);
  });

  test('is not retried if the session has ended, and clears the session on the page', async () => {
    const { live, attempts, received } = await connectRejected(rejection(401));
    expect(live.state().kind).toBe('ended');
    expect(received).toEqual(['unauthorized']);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(attempts).toHaveLength(1);
    live.close();
  });

  test('is shown as disconnected since the first failed attempt, not since the last attempt', async () => {
    const { live } = await connectRejected(rejection(404));
    const firstState = live.state();
    await jest.advanceTimersByTimeAsync(45_000);
    expect(live.state()).toEqual(firstState);
    live.close();
  });
});
