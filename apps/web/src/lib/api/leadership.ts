/**
 * Elects one tab of the browser as the leader. The leader holds the live stream for all tabs. `onLead` is called when
 * this tab becomes the leader. The signal is aborted when this tab loses the leadership. Returns a function that
 * withdraws this tab from the election.
 */
export type Elect = (onLead: (lost: AbortSignal) => void) => () => void;

/**
 * Elects with a Web Lock, which the browser releases when a tab closes or crashes. `steal` takes the lock from a leader
 * that no longer sends messages, such as a tab that the browser has frozen.
 */
export function electByLock(locks: LockManager, name: string): { elect: Elect; steal: () => void } {
  let lead: ((lost: AbortSignal) => void) | undefined;
  let over = new AbortController();

  function request(options: LockOptions): void {
    const { signal } = over;
    const term = new AbortController();
    // The Web Locks API does not allow a signal together with `steal`.
    const lockOptions = options.steal === true ? options : { ...options, signal };
    locks
      .request(name, lockOptions, async () => {
        if (signal.aborted) return;
        lead?.(term.signal);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      })
      .catch(() => {
        // Another tab took the lock, so this tab requests it again.
        if (!signal.aborted) request({});
      })
      .finally(() => term.abort());
  }

  return {
    elect(onLead) {
      lead = onLead;
      over = new AbortController();
      request({});
      return () => over.abort();
    },
    steal: () => {
      if (lead === undefined || over.signal.aborted) return;
      over.abort();
      over = new AbortController();
      request({ steal: true });
    },
  };
}

/** The part of `localStorage` that an election uses. */
export type LeaseStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** Interval at which the leader renews its lease, in milliseconds. */
const RENEWAL_MS = 3_000;

/**
 * Age at which a lease has expired, in milliseconds. If a tab has been hidden for some minutes, browsers run its timers
 * only once a minute. The age is therefore longer than a minute.
 */
const LEASE_MS = 70_000;

/**
 * Time after which a new leader checks that no other tab took the lease at the same moment, in milliseconds. Tabs can
 * run in different processes, and on a busy device, one tab may see another tab's lease some hundred milliseconds late.
 */
const CONFIRMATION_MS = 1_000;

/**
 * Elects with a lease in `localStorage`, for pages without Web Locks. (Browsers offer Web Locks only with HTTPS.)
 * `steal` takes the lease from a leader that no longer sends messages.
 */
export function electByLease(
  storage: LeaseStorage,
  name: string,
  tabId: string,
  events: Pick<EventTarget, 'addEventListener' | 'removeEventListener'>,
): { elect: Elect; steal: () => void } {
  const readLease = (): { tabId: string; at: number } | null => {
    try {
      return JSON.parse(storage.getItem(name) ?? 'null') as { tabId: string; at: number } | null;
    } catch {
      return null;
    }
  };
  const writeLease = (): void => {
    try {
      storage.setItem(name, JSON.stringify({ tabId, at: Date.now() }));
    } catch {
      // If the storage is full, no lease can be stored, and each tab holds its own stream.
    }
  };
  let take: () => void = () => undefined;

  return {
    elect(onLead) {
      let term: AbortController | null = null;
      let confirmation: ReturnType<typeof setTimeout> | undefined;
      take = () => {
        writeLease();
        clearTimeout(confirmation);
        confirmation = setTimeout(() => {
          if (term !== null || readLease()?.tabId !== tabId) return;
          term = new AbortController();
          onLead(term.signal);
        }, CONFIRMATION_MS);
      };
      const check = (): void => {
        const lease = readLease();
        if (term === null) {
          if (lease === null || Math.abs(Date.now() - lease.at) > LEASE_MS) take();
        } else if (lease !== null && lease.tabId !== tabId) {
          term.abort();
          term = null;
        }
      };
      const checkAndRenew = (): void => {
        check();
        if (term !== null) writeLease();
      };
      const release = (): void => {
        if (term !== null && readLease()?.tabId === tabId) storage.removeItem(name);
      };
      const timer = setInterval(checkAndRenew, RENEWAL_MS);
      // The lease is not renewed here, because each renewal causes a `storage` event in all other tabs.
      events.addEventListener('storage', check);
      events.addEventListener('pagehide', release);
      check();
      return () => {
        clearInterval(timer);
        clearTimeout(confirmation);
        events.removeEventListener('storage', check);
        events.removeEventListener('pagehide', release);
        release();
        term?.abort();
        take = () => undefined;
      };
    },
    steal: () => take(),
  };
}
