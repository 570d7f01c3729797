import { useQuery } from '@tanstack/react-query';
import { summaryQuery } from './api/queries';
import { STATE_ORDER } from './container-status';

/** Returns the states by which containers can be filtered. An engine that is newer than Muster may report further states. */
export function useContainerStates(): readonly string[] {
  const { data: summary } = useQuery(summaryQuery);
  const reported = [summary?.containers.current, summary?.containers.lastKnown].flatMap((counts) =>
    Object.keys(counts?.byState ?? {}),
  );
  return [...new Set([...STATE_ORDER, ...reported])];
}
