/**
 * Formats a ratio of availability as a percentage with at most two decimals. The percentage is rounded down, so that
 * only a host that was never unavailable has 100 %.
 */
export function formatAvailability(ratio: number | null): string {
  if (ratio === null) return 'unknown';
  if (ratio >= 1) return '100 %';
  const hundredths = Math.floor(ratio * 10_000 + 1e-9);
  if (hundredths === 0 && ratio > 0) return '< 0.01 %';
  return `${(Math.min(hundredths, 9_999) / 100).toString()} %`;
}
