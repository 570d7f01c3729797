/** Something that is done again and again while it is of use. */
export interface Repetition {
  /** Begins, unless it has. */
  start(): void;
  /** Ends after what is under way. */
  stop(): void;
}

/** Runs a task `intervalMs` after its last end, never twice at once. One that fails is told of, and tried again. */
export function createRepetition(
  task: () => Promise<void>,
  { intervalMs, onFailure }: { intervalMs: number; onFailure: (error: unknown) => void },
): Repetition {
  let timer: NodeJS.Timeout | undefined;
  let wanted = false;
  let running = false;

  const run = async () => {
    running = true;
    try {
      await task();
    } catch (error) {
      onFailure(error);
    }
    running = false;
    if (wanted) schedule();
  };
  const schedule = () => {
    timer = setTimeout(() => void run(), intervalMs);
  };

  return {
    start() {
      if (wanted) return;
      wanted = true;
      if (!running) schedule();
    },
    stop() {
      wanted = false;
      clearTimeout(timer);
    },
  };
}
