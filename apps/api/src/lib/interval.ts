/** A task that runs repeatedly until it is stopped. */
export interface Interval {
  /** Starts the interval, unless it is already started. */
  start(): void;
  /** Stops the interval. Resolves when the run in progress has ended. */
  stop(): Promise<void>;
}

export interface IntervalOptions {
  intervalMs: number;
  onFailure: (error: unknown) => void;
}

/**
 * Creates an interval that runs a task `intervalMs` after the task's last run ended, so that runs never overlap. A long
 * task can check whether the interval was stopped. A failed run is reported to `onFailure` and does not stop the
 * interval.
 */
export function createInterval(
  task: (isStopped: () => boolean) => Promise<void>,
  { intervalMs, onFailure }: IntervalOptions,
): Interval {
  let timer: NodeJS.Timeout | undefined;
  let isStarted = false;
  let running: Promise<void> | null = null;

  const run = async () => {
    try {
      await task(() => !isStarted);
    } catch (error) {
      onFailure(error);
    }
    running = null;
    if (isStarted) schedule();
  };
  const schedule = () => {
    timer = setTimeout(() => {
      running = run();
    }, intervalMs);
  };

  return {
    start() {
      if (isStarted) return;
      isStarted = true;
      if (running === null) schedule();
    },
    async stop() {
      isStarted = false;
      clearTimeout(timer);
      await running;
    },
  };
}
