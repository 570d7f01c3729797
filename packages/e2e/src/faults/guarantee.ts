import { count as formatCount } from './format.js';
import type { Plan } from './plan.js';

/** A measured result, and whether it meets the requirement. */
export interface Finding {
  what: string;
  /** The required result. */
  required: string;
  /** The measured result. */
  figure: string;
  met: boolean;
  /**
   * Whether a busy machine alone can cause a miss. If all misses of a test can have this cause, the test runs once
   * more.
   */
  timed: boolean;
}

/** The values that the program passes to each test. */
export interface CheckContext {
  readonly plan: Plan;
  /** Prints a line that describes the progress of the test. */
  readonly progress: (line: string) => void;
}

/** A guarantee of Muster, and the test that tries to break it. */
export interface Guarantee {
  title: string;
  /** Injects the faults, and returns what was measured. Leaves no process and no file behind. */
  check(context: CheckContext): Promise<Finding[]>;
}

/** Requires that `count` is 0 after `of` attempts. If `of` is 0, nothing was tested, so the requirement is not met. */
export const never = (what: string, count: number, of: number, unit: string): Finding => {
  const figure = `${count} of ${formatCount(of)} ${unit}`;
  return { what, required: '0', figure, met: count === 0 && of > 0, timed: false };
};

/**
 * Requires that `count` equals `of`, the number of attempts. If `of` is 0, nothing was tested, so the requirement is
 * not met.
 */
export const always = (what: string, count: number, of: number, unit: string): Finding => {
  const figure = `${formatCount(count)} of ${formatCount(of)} ${unit}`;
  return { what, required: 'all', figure, met: count === of && of > 0, timed: false };
};

type Format = (value: number) => string;

/** Requires that a value is not above a maximum. NaN does not meet the requirement. */
export function atMost(what: string, value: number, max: number, format: Format, { timed = true } = {}): Finding {
  return { what, required: `at most ${format(max)}`, figure: format(value), met: value <= max, timed };
}

/** Requires that a value is not below a minimum. NaN does not meet the requirement. */
export function atLeast(what: string, value: number, min: number, format: Format, { timed = true } = {}): Finding {
  return { what, required: `at least ${format(min)}`, figure: format(value), met: value >= min, timed };
}
