/** A task that runs repeatedly until it is stopped. */
export interface Interval {
  /** Starts, unless already started. */
  start(): void;
  /** Stops. Resolves when the run in progress has ended. */
  stop(): Promise<void>;
}

export interface IntervalOptions {
  intervalMs: number;
  onFailure: (error: unknown) => void;
}

/**
 * Creates an interval that runs a task `intervalMs` after its last run ended, never concurrently. A long task can check
 * whether the interval was stopped. A run that fails is reported to `onFailure`, and the task runs again.
 */
export function createInterval(
  task: (isStopped: () => boolean) => Promise<void>,
  { intervalMs, onFailure }: IntervalOptions,
): Interval {
  let timer: NodeJS.Timeout | undefined;
  let wanted = false;
  let running: Promise<void> | null = null;

  const run = async () => {
    try {
      await task(() => !wanted);
    } catch (error) {
      onFailure(error);
    }
    running = null;
    if (wanted) schedule();
  };
  const schedule = () => {
    timer = setTimeout(() => {
      running = run();
    }, intervalMs);
  };

  return {
    start() {
      if (wanted) return;
      wanted = true;
      if (running === null) schedule();
    },
    async stop() {
      wanted = false;
      clearTimeout(timer);
      await running;
    },
  };
}
