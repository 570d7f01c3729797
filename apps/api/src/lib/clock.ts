/**
 * Maximum milliseconds that a reading of the reference clock may take. The result of a slower reading is too imprecise
 * to use.
 */
const ROUND_TRIP_MS_MAX = 250;

/** Maximum number of readings that `start` takes to get one with a short round trip. */
const START_READINGS_MAX = 5;

/**
 * Milliseconds by which a reading must differ from the clock to count as a step of the reference clock rather than as
 * drift.
 */
const STEP_MS_MIN = 1_000;

/** A clock that follows a reference clock. The clock jumps only if the reference clock jumps. */
export interface Clock {
  /**
   * Returns the reference clock's time, estimated as the process's monotonic clock plus the measured offset. Throws an
   * error before `start` has resolved.
   */
  now: () => Date;

  /**
   * Sets the clock from the best of a few readings, because a reading can be slow during startup and therefore
   * imprecise.
   */
  start(): Promise<void>;

  /** Takes a reading and adjusts the clock, unless the reading was slow. Call this method every few seconds. */
  synchronize(): Promise<void>;

  /** Returns the milliseconds by which the process's wall clock is ahead of this clock; negative if it is behind. */
  skewMs: () => number;
}

export interface ClockOptions {
  /** Returns the reference clock's time, in milliseconds since 1970. */
  readReferenceMs: () => number | Promise<number>;
  /**
   * Milliseconds that a step of the reference clock must last before this clock follows the step; 0 means immediately.
   * Set this above 0 for a reference clock that may be wrong for a moment, such as this machine's own wall clock.
   */
  stepConfirmedAfterMs?: number;
  /** Returns the process's wall clock, in milliseconds since 1970. */
  wallMs?: () => number;
  /** Returns the milliseconds of a monotonic clock. */
  elapsedMs?: () => number;
}

/** The range of offsets that is consistent with a reading. */
interface Bounds {
  low: number;
  high: number;
}

/**
 * Creates a clock that follows a reference clock, such as that of a database. The instants before and after a reading
 * bound the offset, and the offset changes only as far as those bounds require. Readings therefore add no jitter, and
 * the error stays below the shortest round trip.
 */
export function createClock({
  readReferenceMs,
  stepConfirmedAfterMs = 0,
  wallMs = Date.now,
  elapsedMs = () => performance.now(),
}: ClockOptions): Clock {
  let offsetMs: number | null = null;
  /** A jump of the reference clock that this clock has not followed yet; null if there is no such jump. */
  let step: { offsetMs: number; seenAt: number } | null = null;

  async function measure(): Promise<Bounds> {
    const before = elapsedMs();
    const reference = await readReferenceMs();
    return { low: reference - elapsedMs(), high: reference - before };
  }

  function nowMs(): number {
    if (offsetMs === null) throw new Error('The clock was not started.');
    return elapsedMs() + offsetMs;
  }

  function adjust(bounds: Bounds): void {
    const current = offsetMs ?? middle(bounds);
    const next = Math.min(Math.max(current, bounds.low), bounds.high);
    const at = elapsedMs();
    if (Math.abs(next - current) < STEP_MS_MIN || stepConfirmedAfterMs === 0) {
      offsetMs = next;
      step = null;
    } else if (step === null || Math.abs(step.offsetMs - next) >= STEP_MS_MIN) {
      step = { offsetMs: next, seenAt: at };
    } else if (at - step.seenAt >= stepConfirmedAfterMs) {
      offsetMs = next;
      step = null;
    }
  }

  return {
    now: () => new Date(nowMs()),

    async start() {
      let best = await measure();
      for (let reading = 1; width(best) > ROUND_TRIP_MS_MAX && reading < START_READINGS_MAX; reading++) {
        const next = await measure();
        if (width(next) < width(best)) best = next;
      }
      offsetMs = middle(best);
    },

    async synchronize() {
      const bounds = await measure();
      if (width(bounds) <= ROUND_TRIP_MS_MAX) adjust(bounds);
    },

    skewMs: () => wallMs() - nowMs(),
  };
}

const width = ({ low, high }: Bounds): number => high - low;
const middle = ({ low, high }: Bounds): number => (low + high) / 2;
