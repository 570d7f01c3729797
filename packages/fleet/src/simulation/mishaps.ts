import type { Mishap } from './metrics.js';
import type { Random } from '../model/random.js';

/** What can become of one sending of a snapshot. */
export type SendMishap = Extract<Mishap, 'answer lost' | 'sent twice' | 'sent late'>;

const MISHAPS: readonly SendMishap[] = ['answer lost', 'sent twice', 'sent late'];

/** The share of sendings that meet each of them where `faults` is 1, and the most that any factor makes of it. */
const SHARE = 0.005;
const SHARE_MAX = 0.2;

/** What becomes of the next sending; null, mostly: it goes as it should. */
export function chooseMishap(random: Random, faults: number): SendMishap | null {
  const share = Math.min(SHARE_MAX, SHARE * faults);
  return share > 0 ? (MISHAPS[Math.floor(random() / share)] ?? null) : null;
}
