import type { Host } from '@muster/contracts';
import { formatDuration } from './format-time';

/** Minimum difference, in seconds, that counts as skew. Synchronized clocks differ less, even with a slow network. */
const SKEW_SECONDS_MIN = 10;

/** Returns whether a host's clock differs so much from the server's that the times it reports are misleading. */
const isClockSkewed = ({ clockSkewSeconds }: Pick<Host, 'clockSkewSeconds'>): boolean =>
  clockSkewSeconds !== null && Math.abs(clockSkewSeconds) >= SKEW_SECONDS_MIN;

/** Describes the difference between a host's clock and the server's. */
export function formatClockSkew(skewSeconds: number | null): string {
  if (skewSeconds === null) return 'unknown';
  if (!isClockSkewed({ clockSkewSeconds: skewSeconds })) return 'in sync';
  return `${formatDuration(Math.abs(skewSeconds) * 1_000)} ${skewSeconds > 0 ? 'ahead' : 'behind'}`;
}
