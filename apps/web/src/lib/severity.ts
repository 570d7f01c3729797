import type { Host } from '@muster/contracts';
import { SEVERE_PROBLEMS } from './format-problem';

/** Returns how much attention a host needs, as the same number by which the API sorts for `severity`. */
export function severityOf({ freshness, problems }: Pick<Host, 'freshness' | 'problems'>): number {
  if (freshness === 'left') return 0;
  if (freshness === 'offline' || freshness === 'engine_down') return 5;
  if (problems.some(({ code }) => SEVERE_PROBLEMS[code])) return 5;
  if (freshness === 'stale') return 4;
  if (problems.length > 0) return 3;
  return freshness === 'never' ? 2 : 1;
}
