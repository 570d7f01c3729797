/**
 * Gathers what comes while a statement is under way into the next one, as databases gather commits: the busier it
 * is, the more each statement carries, and nobody ever waits for a timer.
 */
export interface GroupCommit<Entry, Outcome> {
  /** Resolves with the entry's outcome, or rejects with the error of the run that carried it. */
  add(entry: Entry): Promise<Outcome>;
}

interface Waiting<Entry, Outcome> {
  entry: Entry;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}

/**
 * A group commit of `run`, which is given 1 to `sizeMax` entries of different keys, in the order of their coming,
 * and resolves with their outcomes in that order. One run is under way at a time.
 */
export function createGroupCommit<Entry, Outcome>(
  run: (entries: readonly Entry[]) => Promise<readonly Outcome[]>,
  { keyOf, sizeMax }: { keyOf: (entry: Entry) => string; sizeMax: number },
): GroupCommit<Entry, Outcome> {
  let queue: Waiting<Entry, Outcome>[] = [];
  let isRunning = false;

  /** Takes the next group off the queue; a second entry of one key stays for a later one. */
  function takeGroup(): Waiting<Entry, Outcome>[] {
    const keys = new Set<string>();
    const group: Waiting<Entry, Outcome>[] = [];
    const rest: Waiting<Entry, Outcome>[] = [];
    for (const waiting of queue) {
      const key = keyOf(waiting.entry);
      if (group.length === sizeMax || keys.has(key)) {
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
      const group = takeGroup();
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
