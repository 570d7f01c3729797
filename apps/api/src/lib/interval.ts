/** A task that runs repeatedly until it is stopped. */
export interface Interval {
  /** Starts, unless already started. */
  start(): void;
  /** Stops. A run in progress completes. */
  stop(): void;
}

/**
 * Creates an interval that runs a task `intervalMs` after its last run ended, never concurrently. A run that fails is
 * reported to `onFailure`, and the task runs again.
 */
export function createInterval(
  task: () => Promise<void>,
  { intervalMs, onFailure }: { intervalMs: number; onFailure: (error: unknown) => void },
): Interval {
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
