import type { ContainerEvent, Page } from '@muster/contracts';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { serverNow } from '../../lib/api/client';
import { eventsQuery } from '../../lib/api/queries';

/** The period whose events the fleet page shows, in milliseconds. */
const WINDOW_MS = 3_600_000;

export interface RecentEvents {
  /** The events, newest first. */
  events: readonly ContainerEvent[];
  /**
   * The time from which `events` are complete (ms): an hour ago, or later if there are more events than were read.
   */
  since: number;
}

/** Returns the latest events of the last hour, at most `eventsMax`. */
export function useRecentEvents(eventsMax: number): RecentEvents {
  // The time is rounded to the minute, so that the page uses the cached query if it is opened again within the minute.
  const [start] = useState(() => Math.floor((serverNow() - WINDOW_MS) / 60_000) * 60_000);
  const { data } = useInfiniteQuery(eventsQuery({ since: new Date(start).toISOString() }, eventsMax));
  return useMemo(() => toRecentEvents(data?.pages[0], start), [data, start]);
}

/**
 * Returns the events of the first page and the time from which they are complete. `start` is the start of the requested
 * period (ms).
 */
export function toRecentEvents(page: Page<ContainerEvent> | undefined, start: number): RecentEvents {
  const events = page?.items ?? [];
  const oldestEvent = events.at(-1);
  const isTruncated = page !== undefined && page.nextCursor !== null && oldestEvent !== undefined;
  return { events, since: isTruncated ? Date.parse(oldestEvent.recordedAt) : start };
}
