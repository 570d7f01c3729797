import type { Plan } from './plan.js';

/** The guarantees that are tested, in the order in which they run and are told. */
export const GUARANTEE_IDS = [
  'kill',
  'deploy',
  'frozen',
  'restored',
  'clock',
  'lagging',
  'overload',
  'noisy',
  'abuse',
  'document',
  'limits',
  'revoked',
  'leaks',
] as const;
export type GuaranteeId = (typeof GUARANTEE_IDS)[number];

/** One thing that was measured, and whether it is as it must be. */
export interface Finding {
  what: string;
  /** What it must be, in words. */
  reach: string;
  /** What it was. */
  figure: string;
  kept: boolean;
  /** Whether a machine that is busy with something else can spoil it: then it may be taken once more. */
  timed: boolean;
}

/** What every test is given. */
export interface Rig {
  readonly plan: Plan;
  /** A line about what is going on, for whoever waits. */
  readonly progress: (line: string) => void;
}

/** A promise of Muster's, and the test that could find it broken. */
export interface Guarantee {
  id: GuaranteeId;
  title: string;
  /** Does its worst, and resolves with what was found; leaves no process and no file behind, however it ends. */
  check(rig: Rig): Promise<Finding[]>;
}

/** That something never happened, of so many times that it could have. Not kept where it could not. */
export const never = (what: string, count: number, of: number, unit: string): Finding => ({
  what,
  reach: '0',
  figure: `${count} of ${of.toLocaleString('en-US')} ${unit}`,
  kept: count === 0 && of > 0,
  timed: false,
});

/** That something always was so, of so many times. Not kept where it never could be. */
export const always = (what: string, count: number, of: number, unit: string): Finding => ({
  what,
  reach: 'all',
  figure: `${count.toLocaleString('en-US')} of ${of.toLocaleString('en-US')} ${unit}`,
  kept: count === of && of > 0,
  timed: false,
});

/** That something was not more than it may be. `format` writes both; one that is no number is not kept. */
export const atMost = (
  what: string,
  value: number,
  max: number,
  format: (value: number) => string,
  { timed = true } = {},
): Finding => ({ what, reach: `at most ${format(max)}`, figure: format(value), kept: value <= max, timed });

/** That something was not less than it must be. */
export const atLeast = (
  what: string,
  value: number,
  min: number,
  format: (value: number) => string,
  { timed = true } = {},
): Finding => ({ what, reach: `at least ${format(min)}`, figure: format(value), kept: value >= min, timed });
