import { useQuery } from '@tanstack/react-query';
import { summaryQuery } from './api/queries';
import { STATE_ORDER } from './container-status';

/**
 * Returns the states by which containers can be filtered. They include states that Muster does not know but newer
 * engines report.
 */
export function useContainerStates(): readonly string[] {
  const { data: summary } = useQuery(summaryQuery);
  const reported = [summary?.containers.current, summary?.containers.lastKnown].flatMap((counts) =>
    Object.keys(counts?.byState ?? {}),
  );
  return [...new Set([...STATE_ORDER, ...reported])];
}
