/** Milliseconds of a round trip above which a reading is too imprecise to use. */
const ROUND_TRIP_MS_MAX = 250;

/** Maximum readings taken by `start` to get one with a short round trip. */
const START_READINGS_MAX = 5;

/** Milliseconds by which a reading must differ to count as a step of the reference, not as drift. */
const STEP_MS_MIN = 1_000;

/** A clock that follows a reference. It jumps only if the reference does. */
export interface Clock {
  /** Returns the reference's time: the process's monotonic clock plus the measured offset. Throws before `start`. */
  now: () => Date;

  /** Takes the first reading: the best of a few, so that a slow start does not leave the clock wrong. */
  start(): Promise<void>;

  /** Compares the clock with the reference once; ignores a slow answer. Call it every few seconds. */
  synchronize(): Promise<void>;

  /** Returns the milliseconds by which the process's wall clock is ahead of this clock; negative: behind. */
  skewMs: () => number;
}

export interface ClockOptions {
  /** Reads the reference, in milliseconds since 1970. */
  readReferenceMs: () => number | Promise<number>;
  /**
   * Milliseconds that a step of the reference must last before the clock follows it. 0: at once. Use it for a reference
   * that someone may briefly set wrong and that nothing else confirms, such as this machine's own wall clock.
   */
  stepConfirmedAfterMs?: number;
  /** The process's wall clock, in milliseconds since 1970. */
  wallMs?: () => number;
  /** Milliseconds of a monotonic clock. */
  elapsedMs?: () => number;
}

/** The range in which a reading proves the offset to be. */
interface Bounds {
  low: number;
  high: number;
}

/**
 * Creates a clock over a reference such as a database's clock. A reading bounds the offset by the instants before and
 * after it, and the offset moves only as far as those bounds require. Readings therefore add no jitter, and the error
 * stays below the shortest round trip.
 */
export function createClock({
  readReferenceMs,
  stepConfirmedAfterMs = 0,
  wallMs = Date.now,
  elapsedMs = () => performance.now(),
}: ClockOptions): Clock {
  let offsetMs: number | null = null;
  /** A step that was seen but is not followed yet. */
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
