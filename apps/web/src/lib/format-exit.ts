import type { ExitReason } from '@muster/contracts';

/** The reasons of exits, as labels of filters. */
export const EXIT_REASON_TITLES: Readonly<Record<ExitReason, string>> = {
  oom: 'Out of memory',
  crashed: 'Crashed',
  failed_to_start: 'Could not start',
  unknown: 'Cause unknown',
  stopped: 'Stopped',
  completed: 'Completed',
};
export const EXIT_REASONS = Object.keys(EXIT_REASON_TITLES) as ExitReason[];
