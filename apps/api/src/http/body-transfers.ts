import { addressGroup } from '../lib/address-group.js';
import { OverloadedError, RateLimitedError, RequestTimeoutError, type DomainError } from '../errors.js';
import type { ByteHolder } from '../lib/byte-budget.js';
import { createKeyedSemaphore, type KeyedSemaphore } from '../lib/keyed-semaphore.js';

/** Whose credentials a body came with. */
export interface TransferPeer {
  kind: keyof typeof TRANSFERS_MAX;
  id: string;
}

/**
 * Bodies of one peer that may be in transfer at once. An agent makes one call at a time; many machines share an
 * enrollment token, and a browser opens six connections.
 */
const TRANSFERS_MAX = { host: 1, enrollment: 32, operator: 8 };

/** Bodies of one address: a site of 500 hosts may share one. Without credentials, what a few browsers need. */
const ADDRESS_TRANSFERS_MAX = 512;
const ANONYMOUS_ADDRESS_TRANSFERS_MAX = 8;

/** How many may wait for a transfer of one peer or address, and for how many milliseconds. */
const WAITING_MAX = 16;
const WAIT_MS_MAX = 2_000;

/** Bytes a second that a body must bring, and the seconds over which that is averaged, the first ones included. */
const BYTES_PER_SECOND_MIN = 1_024;
const AVERAGED_SECONDS = 5;

/**
 * While others wait for memory, a body that holds much of it must come faster: what holds so many bytes and brought fewer
 * than so many in the last second is given up.
 */
const PRESSED_HELD_BYTES_MIN = 64 * 1_024;
const PRESSED_BYTES_PER_SECOND_MIN = 16 * 1_024;

const TICK_MS = 1_000;

/** A body that is being received. */
export interface BodyTransfer {
  /** Counts bytes that came. */
  received(bytes: number): void;
  /** Bytes are left with the client until there is room for them: that time does not count. */
  paused(isPaused: boolean): void;
  /** Called once, with why the body is given up. */
  onGivenUp: (error: DomainError) => void;
  end(): void;
}

/** The bodies that one process is receiving. */
export interface BodyTransfers {
  /** @throws RateLimitedError if too many bodies of this peer or address are in transfer, and none ends in time. */
  begin(of: { peer: TransferPeer | null; address: string; holder: ByteHolder }): Promise<BodyTransfer>;
  /** Bodies in transfer. */
  readonly size: number;
}

interface Entry extends BodyTransfer {
  holder: ByteHolder;
  isPaused: boolean;
  /** Bytes that came in each of the last seconds, the current one last. */
  recent: number[];
}

/**
 * Limits the bodies in transfer by peer and by address, and aborts those that arrive too slowly. Bodies that arrive
 * together with their headers are not counted.
 */
export function createBodyTransfers(): BodyTransfers {
  const lines = { waitingMax: WAITING_MAX, waitMsMax: WAIT_MS_MAX };
  const peers = {
    host: createKeyedSemaphore({ permits: TRANSFERS_MAX.host, ...lines }),
    enrollment: createKeyedSemaphore({ permits: TRANSFERS_MAX.enrollment, ...lines }),
    operator: createKeyedSemaphore({ permits: TRANSFERS_MAX.operator, ...lines }),
  };
  const addresses = createKeyedSemaphore({ permits: ADDRESS_TRANSFERS_MAX, ...lines });
  const anonymous = createKeyedSemaphore({ permits: ANONYMOUS_ADDRESS_TRANSFERS_MAX, ...lines });
  const entries = new Set<Entry>();
  let timer: NodeJS.Timeout | undefined;

  function tick(): void {
    for (const entry of entries) {
      const error = entry.isPaused ? null : refusalOf(entry);
      if (error !== null) entry.onGivenUp(error);
      else if (!entry.isPaused) entry.recent.push(0);
    }
  }

  async function acquire(semaphore: KeyedSemaphore, key: string, whose: string): Promise<void> {
    if (await semaphore.acquire(key)) return;
    throw new RateLimitedError(`Too many requests of this ${whose} are being received already.`, WAIT_MS_MAX);
  }

  function enter(holder: ByteHolder, leave: () => void): Entry {
    const entry: Entry = {
      holder,
      isPaused: false,
      recent: [0],
      onGivenUp: () => undefined,
      received: (bytes) => void (entry.recent[entry.recent.length - 1]! += bytes),
      paused: (isPaused) => {
        entry.isPaused = isPaused;
        // Where bytes were left with the client, its rate is unknown.
        entry.recent = [0];
      },
      end: () => {
        if (!entries.delete(entry)) return;
        if (entries.size === 0) clearInterval(timer);
        leave();
      },
    };
    if (entries.size === 0) timer = setInterval(tick, TICK_MS).unref();
    entries.add(entry);
    return entry;
  }

  return {
    async begin({ peer, address, holder }) {
      const group = addressGroup(address);
      const ofAddress = peer === null ? anonymous : addresses;
      if (peer !== null) await acquire(peers[peer.kind], peer.id, peer.kind);
      try {
        await acquire(ofAddress, group, 'address');
      } catch (error) {
        if (peer !== null) peers[peer.kind].release(peer.id);
        throw error;
      }
      return enter(holder, () => {
        ofAddress.release(group);
        if (peer !== null) peers[peer.kind].release(peer.id);
      });
    },
    get size() {
      return entries.size;
    },
  };
}

/** Why a body is aborted after another second; null: it continues. */
function refusalOf({ recent, holder }: Entry): DomainError | null {
  if (recent.length > AVERAGED_SECONDS) {
    recent.shift();
    const bytes = recent.reduce((sum, each) => sum + each, 0);
    if (bytes < AVERAGED_SECONDS * BYTES_PER_SECOND_MIN) return new RequestTimeoutError();
  }
  // The first second may have been a short one.
  const isSlow = recent.length > 1 && recent.at(-1)! < PRESSED_BYTES_PER_SECOND_MIN;
  return isSlow && holder.isScarce && holder.heldBytes > PRESSED_HELD_BYTES_MIN ? new OverloadedError() : null;
}
