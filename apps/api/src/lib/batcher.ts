/**
 * Collects the entries that arrive during a run. The next run processes these entries together, like the group commit
 * of a database. The higher the load, the more entries each run contains, and no entry ever waits for a timer.
 */
export interface Batcher<Entry, Outcome> {
  /** Resolves with the entry's outcome, or rejects with the error of the run that contained the entry. */
  add(entry: Entry): Promise<Outcome>;
}

interface QueuedEntry<Entry, Outcome> {
  entry: Entry;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}

/**
 * Creates a batcher. `run` receives 1 to `sizeMax` entries with different keys in order of arrival, and must resolve
 * with their outcomes in the same order. Only one run is in progress at a time.
 */
export function createBatcher<Entry, Outcome>(
  run: (entries: readonly Entry[]) => Promise<readonly Outcome[]>,
  { keyOf, sizeMax: batchSizeMax }: { keyOf: (entry: Entry) => string; sizeMax: number },
): Batcher<Entry, Outcome> {
  let queue: QueuedEntry<Entry, Outcome>[] = [];
  let isRunning = false;

  /** Removes the next batch from the queue. A second entry with the same key stays for a later batch. */
  function takeBatch(): QueuedEntry<Entry, Outcome>[] {
    const keys = new Set<string>();
    const batch: QueuedEntry<Entry, Outcome>[] = [];
    const rest: QueuedEntry<Entry, Outcome>[] = [];
    for (const queued of queue) {
      const key = keyOf(queued.entry);
      if (batch.length === batchSizeMax || keys.has(key)) {
        rest.push(queued);
      } else {
        keys.add(key);
        batch.push(queued);
      }
    }
    queue = rest;
    return batch;
  }

  async function drain(): Promise<void> {
    isRunning = true;
    while (queue.length > 0) {
      const batch = takeBatch();
      try {
        const outcomes = await run(batch.map(({ entry }) => entry));
        batch.forEach(({ resolve }, index) => resolve(outcomes[index]!));
      } catch (error) {
        for (const { reject } of batch) reject(error);
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
