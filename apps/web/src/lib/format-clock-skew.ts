import type { Host } from '@muster/contracts';
import { duration } from './format-time';

/** Clocks that are kept in time differ by less; what a slow line adds to it is less, too. */
const SKEW_SECONDS_MIN = 10;

/** Whether a host's clock is so far from the server's that times which it tells mislead. */
const isClockOff = ({ clockSkewSeconds }: Pick<Host, 'clockSkewSeconds'>): boolean =>
  clockSkewSeconds !== null && Math.abs(clockSkewSeconds) >= SKEW_SECONDS_MIN;

/** How a host's clock stands to the server's. */
export function clockWords(skewSeconds: number | null): string {
  if (skewSeconds === null) return 'not told';
  if (!isClockOff({ clockSkewSeconds: skewSeconds })) return 'in time';
  return `${duration(Math.abs(skewSeconds) * 1_000)} ${skewSeconds > 0 ? 'ahead' : 'behind'}`;
}
