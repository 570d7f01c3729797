import './window';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { StreamMessage, StreamMessageName } from '@muster/contracts';
import { electByLease, electByLock, type Elect, type LeaseStorage } from '../src/lib/api/leadership';
import type { LiveConnection, LiveHandlers, LiveState } from '../src/lib/api/live-connection';
import { shareLive, type Channel } from '../src/lib/api/shared-live';

const message = (event: StreamMessageName, data: object = {}) => ({ event, data }) as StreamMessage;

/** A fake browser with the features that tabs share: a broadcast channel, locks and storage. */
class Browser {
  readonly channels = new Set<Channel>();
  readonly #waiting: { grant: () => void; lock: FakeLock }[] = [];
  #holder: FakeLock | null = null;
  /** The time until the other tabs see a change in storage, in milliseconds. */
  storageDelayMs = 0;
  readonly #seenItems = new Map<string, SeenItems>();
  readonly #latest: SeenItems = { items: new Map(), change: 0 };
  readonly #storageListeners = new Map<string, Set<() => void>>();

  openChannel(): Channel {
    const channel: Channel = {
      onmessage: null,
      postMessage: (data) => {
        const copy = structuredClone(data);
        for (const other of this.channels) {
          if (other !== channel) queueMicrotask(() => other.onmessage?.({ data: copy } as MessageEvent));
        }
      },
      close: () => void this.channels.delete(channel),
    };
    this.channels.add(channel);
    return channel;
  }

  readonly locks = {
    request: (_name: string, options: LockOptions, callback: () => Promise<void>): Promise<void> =>
      new Promise<void>((resolve, reject) => {
        const lock: FakeLock = { fail: () => reject(new Error('AbortError')) };
        const grant = (): void => {
          this.#holder = lock;
          void callback().then(() => {
            if (this.#holder === lock) this.#grantNext();
            resolve();
          });
        };
        options.signal?.addEventListener('abort', () => {
          const index = this.#waiting.findIndex((entry) => entry.lock === lock);
          if (index === -1) return;
          this.#waiting.splice(index, 1);
          lock.fail();
        });
        if (options.steal === true) this.#holder?.fail();
        if (options.steal === true || this.#holder === null) grant();
        else this.#waiting.push({ grant, lock });
      }),
  } as unknown as LockManager;

  #grantNext(): void {
    this.#holder = null;
    this.#waiting.shift()?.grant();
  }

  storageOf(tab: string): LeaseStorage {
    const seen: SeenItems = { items: new Map(this.#latest.items), change: this.#latest.change };
    this.#seenItems.set(tab, seen);
    const change = (apply: (items: Map<string, string>) => void): void => {
      const number = this.#latest.change + 1;
      const show = (to: SeenItems): void => {
        if (to.change > number) return;
        to.change = number;
        apply(to.items);
      };
      show(this.#latest);
      show(seen);
      const showOthers = (): void => {
        for (const [other, items] of this.#seenItems) {
          if (other === tab) continue;
          show(items);
          this.#storageListeners.get(other)?.forEach((listener) => queueMicrotask(listener));
        }
      };
      if (this.storageDelayMs === 0) showOthers();
      else setTimeout(showOthers, this.storageDelayMs);
    };
    return {
      getItem: (key) => seen.items.get(key) ?? null,
      setItem: (key, value) => change((items) => items.set(key, value)),
      removeItem: (key) => change((items) => items.delete(key)),
    };
  }

  eventsOf(tab: string): Pick<EventTarget, 'addEventListener' | 'removeEventListener'> {
    const listeners = new Set<() => void>();
    this.#storageListeners.set(tab, listeners);
    return {
      addEventListener: (name: string, listener: unknown) => {
        if (name === 'storage') listeners.add(listener as () => void);
      },
      removeEventListener: (_name: string, listener: unknown) => void listeners.delete(listener as () => void),
    };
  }
}
interface FakeLock {
  fail: () => void;
}
/** The storage items as a tab sees them, and the number of the last change that the tab sees. */
interface SeenItems {
  items: Map<string, string>;
  change: number;
}

/** A tab with a connection whose state and messages the test controls. */
function openTab(browser: Browser, elected: { elect: Elect; steal: () => void }) {
  const received: string[] = [];
  const gaps: number[] = [];
  let own: { handlers: LiveHandlers; setState: (state: LiveState) => void } | null = null;
  let streamsOpened = 0;
  const connect = (handlers: LiveHandlers): LiveConnection => {
    let state: LiveState = { kind: 'connecting' };
    const listeners = new Set<() => void>();
    streamsOpened += 1;
    own = {
      handlers,
      setState: (next) => {
        state = next;
        listeners.forEach((listener) => listener());
      },
    };
    return {
      state: () => state,
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      close: () => void (own = null),
    };
  };
  const handlers: LiveHandlers = {
    onMessage: ({ event }) => void received.push(event),
    onGap: () => void gaps.push(1),
  };
  const live = shareLive(connect, handlers, browser.openChannel(), elected);
  return {
    live,
    received,
    gaps,
    get stream() {
      return own;
    },
    get streamsOpened() {
      return streamsOpened;
    },
  };
}

beforeEach(() => {
  jest.useFakeTimers({ now: 1_000_000, doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
});
afterEach(() => {
  jest.useRealTimers();
});

const settle = (ms = 1_500) => jest.advanceTimersByTimeAsync(ms);
const LIVE: LiveState = { kind: 'live' };

describe.each([
  ['Web Locks', (browser: Browser) => electByLock(browser.locks, 'live')],
  [
    'a lease in localStorage',
    (browser: Browser, tab: string) => electByLease(browser.storageOf(tab), 'live', tab, browser.eventsOf(tab)),
  ],
])('twelve tabs of one browser, with %s', (_way, electIn) => {
  const openTabs = (browser: Browser, count: number) =>
    Array.from({ length: count }, (_, index) => openTab(browser, electIn(browser, `tab-${index}`)));
  const leadersOf = (tabs: readonly ReturnType<typeof openTab>[]) => tabs.filter(({ stream }) => stream !== null);

  test('share one stream, whose messages and state reach all tabs', async () => {
    const browser = new Browser();
    const tabs = openTabs(browser, 12);
    await settle();
    const [leader, ...others] = leadersOf(tabs);
    expect(others).toEqual([]);
    leader!.stream!.setState(LIVE);
    leader!.stream!.handlers.onMessage(message('container'));
    await settle();
    for (const { live, received } of tabs) {
      expect(live.state().kind).toBe('live');
      expect(received).toEqual(['container']);
    }
    const since = 5;
    leader!.stream!.setState({ kind: 'lost', since });
    await settle();
    for (const { live } of tabs) expect(live.state()).toEqual({ kind: 'lost', since });
    leader!.stream!.setState(LIVE);
    await settle();
    for (const tab of tabs.filter((other) => other !== leader)) expect(tab.gaps).toHaveLength(1);
    tabs.forEach(({ live }) => live.close());
  });

  test('show the current state as soon as they are open', async () => {
    const browser = new Browser();
    const [first] = openTabs(browser, 1);
    await settle();
    first!.stream!.setState(LIVE);
    const second = openTab(browser, electIn(browser, 'second'));
    await settle();
    expect(second.live.state().kind).toBe('live');
    expect(second.streamsOpened).toBe(0);
    first!.live.close();
    second.live.close();
  });

  test('elect another leader when the leader closes, and refetch once because messages may be missing', async () => {
    const browser = new Browser();
    const tabs = openTabs(browser, 3);
    await settle();
    const [leader] = leadersOf(tabs);
    leader!.stream!.setState(LIVE);
    await settle();
    leader!.live.close();
    await settle();
    const rest = tabs.filter((tab) => tab !== leader);
    const [successor, ...others] = leadersOf(rest);
    expect(others).toEqual([]);
    successor!.stream!.setState(LIVE);
    await settle();
    for (const { live, gaps } of rest) {
      expect(live.state().kind).toBe('live');
      expect(gaps).toHaveLength(1);
    }
    tabs.forEach(({ live }) => live.close());
  });

  test('elect only one leader, even if each tab sees the storage changes of other tabs late', async () => {
    const browser = new Browser();
    const tabs = openTabs(browser, 12);
    browser.storageDelayMs = 300;
    await settle();
    const [leader] = leadersOf(tabs);
    leader!.live.close();
    await settle(3_000);
    expect(leadersOf(tabs)).toHaveLength(1);
    expect(tabs.reduce((sum, { streamsOpened }) => sum + streamsOpened, 0)).toBe(2);
    tabs.forEach(({ live }) => live.close());
  });

  test('replace a silent leader, which then closes its stream', async () => {
    const browser = new Browser();
    const tabs = openTabs(browser, 2);
    await settle();
    const [leader] = leadersOf(tabs);
    leader!.stream!.setState(LIVE);
    await settle();
    const follower = tabs.find((tab) => tab !== leader)!;
    // A frozen tab sends nothing.
    const frozen = jest.spyOn([...browser.channels][tabs.indexOf(leader!)]!, 'postMessage').mockReturnValue(undefined);
    await settle(21_000);
    expect(follower.stream).not.toBeNull();
    expect(follower.gaps.length).toBeGreaterThan(0);
    frozen.mockRestore();
    await settle(5_000);
    expect(leadersOf(tabs)).toEqual([follower]);
    tabs.forEach(({ live }) => live.close());
  });

  test('open only one new stream to replace a silent leader', async () => {
    const browser = new Browser();
    const tabs = openTabs(browser, 12);
    await settle();
    const [leader] = leadersOf(tabs);
    leader!.stream!.setState(LIVE);
    await settle();
    jest.spyOn([...browser.channels][tabs.indexOf(leader!)]!, 'postMessage').mockReturnValue(undefined);
    // The new leader's stream does not connect, but the new leader continues to report that it is the leader.
    await settle(60_000);
    expect(tabs.reduce((sum, { streamsOpened }) => sum + streamsOpened, 0)).toBe(2);
    tabs.forEach(({ live }) => live.close());
    await settle(0);
    expect(jest.getTimerCount()).toBe(0);
  });
});
