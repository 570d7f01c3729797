import { addressGroup } from '../lib/address-group.js';
import { OverloadedError, RateLimitedError, RequestTimeoutError, type DomainError } from '../errors.js';
import type { ByteHolder } from '../lib/byte-budget.js';
import { createKeyedSemaphore, type KeyedSemaphore } from '../lib/keyed-semaphore.js';

/** The authenticated sender of a body. */
export interface TransferPeer {
  kind: keyof typeof TRANSFERS_MAX;
  id: string;
}

/**
 * Maximum number of bodies that one peer may have in transfer at a time. An agent makes one call at a time, many
 * machines share an enrollment token, and a browser opens six connections.
 */
const TRANSFERS_MAX = { host: 1, enrollment: 32, operator: 8 };

/**
 * Maximum number of bodies that one address may have in transfer at a time. A site of 500 hosts may share an address.
 */
const TRANSFERS_PER_ADDRESS_MAX = 512;
/** Like `TRANSFERS_PER_ADDRESS_MAX`, but for callers without credentials. Suffices for a few browsers. */
const ANONYMOUS_TRANSFERS_PER_ADDRESS_MAX = 8;

/** Maximum number of waiting callers per peer or address. */
const WAITING_MAX = 16;

/** Maximum milliseconds that a caller waits before it is refused. */
const WAIT_MS_MAX = 2_000;

/** Minimum rate of a body in bytes per second. */
const BYTES_PER_SECOND_MIN = 1_024;

/** Number of seconds over which the rate is averaged. */
const RATE_WINDOW_SECONDS = 5;

/**
 * While other requests wait for memory, a body that occupies more than this many bytes must arrive at
 * `PRESSURE_BYTES_PER_SECOND_MIN` or faster.
 */
const PRESSURE_HELD_BYTES_MIN = 64 * 1_024;
/**
 * Minimum rate of a body that occupies more than `PRESSURE_HELD_BYTES_MIN`, in bytes per second, measured over the last
 * second.
 */
const PRESSURE_BYTES_PER_SECOND_MIN = 16 * 1_024;

const TICK_MS = 1_000;

/** A body that is being received. */
export interface BodyTransfer {
  /** Counts received bytes. */
  addBytes(bytes: number): void;
  /**
   * Sets whether reading is paused for lack of memory. The time of a pause does not count when the rate is measured.
   */
  setPaused(isPaused: boolean): void;
  /** Called once, with the error, if the body is aborted. */
  onAborted: (error: DomainError) => void;
  end(): void;
}

/** The bodies that this process is receiving. */
export interface BodyTransfers {
  /**
   * Begins a transfer.
   * @throws RateLimitedError if too many bodies of this peer or address are in transfer and none ends in time.
   */
  begin(transfer: { peer: TransferPeer | null; address: string; holder: ByteHolder }): Promise<BodyTransfer>;
  /** The number of bodies in transfer. */
  readonly size: number;
}

interface TrackedTransfer extends BodyTransfer {
  holder: ByteHolder;
  isPaused: boolean;
  /** The number of bytes received in each of the last seconds. The last element counts the current second. */
  bytesBySecond: number[];
}

/**
 * Limits the number of bodies in transfer by peer and by address, and aborts bodies that arrive too slowly. Bodies that
 * arrive together with their headers are not counted.
 */
export function createBodyTransfers(): BodyTransfers {
  const queueLimits = { waitingMax: WAITING_MAX, waitMsMax: WAIT_MS_MAX };
  const peers = {
    host: createKeyedSemaphore({ permits: TRANSFERS_MAX.host, ...queueLimits }),
    enrollment: createKeyedSemaphore({ permits: TRANSFERS_MAX.enrollment, ...queueLimits }),
    operator: createKeyedSemaphore({ permits: TRANSFERS_MAX.operator, ...queueLimits }),
  };
  const addresses = createKeyedSemaphore({ permits: TRANSFERS_PER_ADDRESS_MAX, ...queueLimits });
  const anonymous = createKeyedSemaphore({ permits: ANONYMOUS_TRANSFERS_PER_ADDRESS_MAX, ...queueLimits });
  const entries = new Set<TrackedTransfer>();
  let timer: NodeJS.Timeout | undefined;

  function tick(): void {
    for (const entry of entries) {
      const error = entry.isPaused ? null : abortReason(entry);
      if (error !== null) entry.onAborted(error);
      else if (!entry.isPaused) entry.bytesBySecond.push(0);
    }
  }

  async function acquire(semaphore: KeyedSemaphore, key: string, sender: string): Promise<void> {
    if (await semaphore.acquire(key)) return;
    throw new RateLimitedError(
      `Too many request bodies from this ${sender} are being received. Retry later.`,
      WAIT_MS_MAX,
    );
  }

  function addTransfer(holder: ByteHolder, releasePermits: () => void): TrackedTransfer {
    const entry: TrackedTransfer = {
      holder,
      isPaused: false,
      bytesBySecond: [0],
      onAborted: () => undefined,
      addBytes: (bytes) => void (entry.bytesBySecond[entry.bytesBySecond.length - 1]! += bytes),
      setPaused: (isPaused) => {
        entry.isPaused = isPaused;
        // After a pause, the client's rate is unknown, so the measurement starts again.
        entry.bytesBySecond = [0];
      },
      end: () => {
        if (!entries.delete(entry)) return;
        if (entries.size === 0) clearInterval(timer);
        releasePermits();
      },
    };
    if (entries.size === 0) timer = setInterval(tick, TICK_MS).unref();
    entries.add(entry);
    return entry;
  }

  return {
    async begin({ peer, address, holder }) {
      const group = addressGroup(address);
      const addressSemaphore = peer === null ? anonymous : addresses;
      if (peer !== null) await acquire(peers[peer.kind], peer.id, peer.kind);
      try {
        await acquire(addressSemaphore, group, 'address');
      } catch (error) {
        if (peer !== null) peers[peer.kind].release(peer.id);
        throw error;
      }
      return addTransfer(holder, () => {
        addressSemaphore.release(group);
        if (peer !== null) peers[peer.kind].release(peer.id);
      });
    },
    get size() {
      return entries.size;
    },
  };
}

/** Called each second. Returns the reason to abort a body, or null if its transfer continues. */
function abortReason({ bytesBySecond, holder }: TrackedTransfer): DomainError | null {
  if (bytesBySecond.length > RATE_WINDOW_SECONDS) {
    bytesBySecond.shift();
    const bytes = bytesBySecond.reduce((sum, each) => sum + each, 0);
    if (bytes < RATE_WINDOW_SECONDS * BYTES_PER_SECOND_MIN) return new RequestTimeoutError();
  }
  // The first element is not compared, because it can cover less than a second: all transfers share a timer.
  const isSlow = bytesBySecond.length > 1 && bytesBySecond.at(-1)! < PRESSURE_BYTES_PER_SECOND_MIN;
  return isSlow && holder.isScarce && holder.heldBytes > PRESSURE_HELD_BYTES_MIN ? new OverloadedError() : null;
}
