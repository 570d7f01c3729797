import type { ContainerEvent } from '@muster/contracts';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { serverNow } from '../../lib/api/client';
import { eventsQuery } from '../../lib/api/queries';

/** How far back the fleet's page looks. */
const LOOK_BACK_MS = 3_600_000;
const EVENTS_MAX = 200;

export interface RecentEvents {
  /** The newest first. */
  events: readonly ContainerEvent[];
  /** From when on these are all that happened: an hour ago, or later where much did. */
  since: number;
}

/** What happened in the last hour, or as much of it as one page holds. */
export function useRecentEvents(): RecentEvents {
  // To the minute: each moment would be another question.
  const [start] = useState(() => Math.floor((serverNow() - LOOK_BACK_MS) / 60_000) * 60_000);
  const { data } = useInfiniteQuery(eventsQuery({ since: new Date(start).toISOString() }, EVENTS_MAX));
  return useMemo(() => {
    const page = data?.pages[0];
    const events = page?.items ?? [];
    const oldest = events.at(-1);
    const isCut = page !== undefined && page.nextCursor !== null && oldest !== undefined;
    return { events, since: isCut ? Date.parse(oldest.recordedAt) : start };
  }, [data, start]);
}
