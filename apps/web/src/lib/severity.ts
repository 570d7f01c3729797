import { FRESHNESS_SEVERITY, PROBLEM_SEVERITY, type Host, type HostProblemCode } from '@muster/contracts';

/** Returns whether the displayed containers of a host with this problem may differ from its actual containers. */
export const isSevereProblem = (code: HostProblemCode): boolean => PROBLEM_SEVERITY[code] === 5;

/** Returns how much attention a host needs. The API sorts by the same number in the sort order `severity`. */
export function severityOf({ freshness, problems }: Pick<Host, 'freshness' | 'problems'>): number {
  if (freshness === 'left') return FRESHNESS_SEVERITY.left;
  return Math.max(FRESHNESS_SEVERITY[freshness], ...problems.map(({ code }) => PROBLEM_SEVERITY[code]));
}
