import type { Spread } from './stats.js';

/** Writes a number with three significant digits and commas: 0.00123, 1.23, 12.3, 123, 1,230. */
export const formatNumber = (value: number): string =>
  Number.isFinite(value) ? value.toLocaleString('en-US', { maximumSignificantDigits: 3 }) : '–';

export const formatRatio = (value: number): string => `${formatNumber(value)}x`;
export const formatMs = (ms: number): string => `${formatNumber(ms)} ms`;

/** Writes the median, and the range in parentheses. */
export const formatSpread = ({ median, min, max }: Spread, suffix = ''): string =>
  `${formatNumber(median)}${suffix} (${formatNumber(min)}–${formatNumber(max)})`;

export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${formatNumber(bytes / 1_000 ** power)} ${units[power]}`;
}
