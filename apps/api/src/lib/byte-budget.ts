/**
 * A memory budget shared by many holders. Each holder acquires bytes as they arrive, and releases all of its bytes when
 * it is done.
 */
export interface ByteBudget {
  /** Creates a holder that will need at most `bytesMax` bytes in total. */
  createHolder(bytesMax: number): ByteHolder;
  readonly heldBytes: number;
}

export interface ByteHolder {
  /**
   * Acquires bytes. Resolves with true, or with false if there was no room in time. False means that nothing was
   * acquired. Returns synchronously if there is room now. Call `acquire` again only after the previous call has
   * resolved.
   */
  acquire(bytes: number): boolean | Promise<boolean>;
  /** Declares that this holder acquires no more bytes. The holder keeps its bytes until `release`. */
  complete(): void;
  /** Releases all bytes of this holder. */
  release(): void;
  readonly heldBytes: number;
  /** Whether any holder of the budget is waiting for room. */
  readonly isScarce: boolean;
}

export interface ByteBudgetOptions {
  capacity: number;
  /** Maximum number of bytes that one holder needs. */
  holderBytesMax: number;
  waitMsMax: number;
  /** Called for each `acquire` that timed out. */
  onRefusal?: () => void;
}

interface Waiter {
  holder: Holder;
  bytes: number;
  timer: NodeJS.Timeout;
  settle: (isAcquired: boolean) => void;
}

interface Holder extends ByteHolder {
  readonly bytesMax: number;
}

/**
 * Creates a budget. Holders reserve no bytes before the bytes arrive, so together they could fill the budget and then
 * wait for each other forever. To prevent this, enough bytes for one holder are set aside. The holder that has waited
 * longest may use these bytes until it is done, so one holder can always finish. All other calls of `acquire` are
 * served in order of arrival.
 */
export function createByteBudget(options: ByteBudgetOptions): ByteBudget {
  const { capacity, holderBytesMax, waitMsMax, onRefusal } = options;
  const openCapacity = Math.max(0, capacity - holderBytesMax);
  const waiters = new Set<Waiter>();
  let heldBytes = 0;
  /** The holder that may use the reserved bytes. */
  let reserveHolder: Holder | null = null;

  const remainingBytes = (holder: Holder) => Math.min(holder.bytesMax, capacity) - holder.heldBytes;

  function hasRoomFor(holder: Holder, bytes: number): boolean {
    if (heldBytes + bytes <= openCapacity) return true;
    if (reserveHolder === null && heldBytes + remainingBytes(holder) <= capacity) reserveHolder = holder;
    return reserveHolder === holder && heldBytes + bytes <= capacity;
  }

  function admitWaiters(): void {
    // The call of `reserveHolder` is served first, because earlier calls in the queue may have to wait until this
    // holder is done.
    const reserveWaiter =
      reserveHolder === null ? undefined : [...waiters].find(({ holder }) => holder === reserveHolder);
    if (reserveWaiter !== undefined && hasRoomFor(reserveWaiter.holder, reserveWaiter.bytes))
      reserveWaiter.settle(true);
    for (const waiter of waiters) {
      if (!hasRoomFor(waiter.holder, waiter.bytes)) return;
      waiter.settle(true);
    }
  }

  function releaseReserve(holder: Holder): void {
    if (reserveHolder === holder) reserveHolder = null;
    if (waiters.size > 0) admitWaiters();
  }

  function wait(holder: Holder, bytes: number, add: () => void): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (isAcquired: boolean) => {
        waiters.delete(waiter);
        clearTimeout(waiter.timer);
        if (isAcquired) add();
        resolve(isAcquired);
      };
      const expire = () => {
        settle(false);
        onRefusal?.();
        admitWaiters();
      };
      const waiter: Waiter = { holder, bytes, timer: setTimeout(expire, waitMsMax), settle };
      waiters.add(waiter);
    });
  }

  return {
    createHolder(bytesMax) {
      let ownBytes = 0;
      const holder: Holder = {
        bytesMax,
        acquire(bytes) {
          const add = () => {
            ownBytes += bytes;
            heldBytes += bytes;
          };
          if ((waiters.size === 0 || reserveHolder === holder) && hasRoomFor(holder, bytes)) {
            add();
            return true;
          }
          return wait(holder, bytes, add);
        },
        complete: () => releaseReserve(holder),
        release() {
          heldBytes -= ownBytes;
          ownBytes = 0;
          releaseReserve(holder);
        },
        get heldBytes() {
          return ownBytes;
        },
        get isScarce() {
          return waiters.size > 0;
        },
      };
      return holder;
    },
    get heldBytes() {
      return heldBytes;
    },
  };
}
