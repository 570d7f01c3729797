/**
 * Batches entries that arrive while a statement is running into the next statement, like the group commit of a
 * database. The busier it is, the more entries each statement carries, and no entry ever waits for a timer.
 */
export interface Batcher<Entry, Outcome> {
  /** Resolves with the entry's outcome, or rejects with the error of the run that contained it. */
  add(entry: Entry): Promise<Outcome>;
}

interface QueuedEntry<Entry, Outcome> {
  entry: Entry;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}

/**
 * Creates a group commit of `run`. `run` receives 1 to `sizeMax` entries with different keys in order of arrival, and
 * resolves with their outcomes in the same order. Only one run is in progress at a time.
 */
export function createBatcher<Entry, Outcome>(
  run: (entries: readonly Entry[]) => Promise<readonly Outcome[]>,
  { keyOf, sizeMax: batchSizeMax }: { keyOf: (entry: Entry) => string; sizeMax: number },
): Batcher<Entry, Outcome> {
  let queue: QueuedEntry<Entry, Outcome>[] = [];
  let isRunning = false;

  /** Removes the next group from the queue. A second entry with the same key stays for a later group. */
  function takeBatch(): QueuedEntry<Entry, Outcome>[] {
    const keys = new Set<string>();
    const group: QueuedEntry<Entry, Outcome>[] = [];
    const rest: QueuedEntry<Entry, Outcome>[] = [];
    for (const waiting of queue) {
      const key = keyOf(waiting.entry);
      if (group.length === batchSizeMax || keys.has(key)) {
        rest.push(waiting);
      } else {
        keys.add(key);
        group.push(waiting);
      }
    }
    queue = rest;
    return group;
  }

  async function drain(): Promise<void> {
    isRunning = true;
    while (queue.length > 0) {
      const group = takeBatch();
      try {
        const outcomes = await run(group.map(({ entry }) => entry));
        group.forEach(({ resolve }, index) => resolve(outcomes[index]!));
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    isRunning = false;
  }

  return {
    add: (entry) =>
      new Promise((resolve, reject) => {
        queue.push({ entry, resolve, reject });
        if (!isRunning) void drain();
      }),
  };
}
