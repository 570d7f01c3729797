import type { ContainerEvent } from '@muster/contracts';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { labeledRecentEventsQuery, recentEventsQuery, type RecentEventList } from '../../lib/api/queries';

/** The period whose events the fleet page shows, in milliseconds. */
const WINDOW_MS = 3_600_000;

const ROUNDED_TO_MS = 300_000;

export interface RecentEvents {
  /** The events, newest first. Empty until they are loaded. */
  events: readonly ContainerEvent[];
  isLoaded: boolean;
  /**
   * The time from which `events` are complete (ms): an hour ago, or later if there are more events than were read.
   */
  since: number;
}

/**
 * Returns the latest events of the hour before `now` (ms), at most `eventsMax`, of all hosts or of the hosts with the
 * given labels.
 */
export function useRecentEvents(eventsMax: number, now: number, hostLabel: string[] | undefined): RecentEvents {
  // The start is rounded, so that one query serves for five minutes. Otherwise, each call would have a new query.
  const start = Math.floor((now - WINDOW_MS) / ROUNDED_TO_MS) * ROUNDED_TO_MS;
  const since = new Date(start).toISOString();
  const all = useQuery({ ...recentEventsQuery(since, eventsMax), enabled: hostLabel === undefined });
  const labeled = useQuery({
    ...labeledRecentEventsQuery(since, eventsMax, hostLabel),
    enabled: hostLabel !== undefined,
  });
  const { data } = hostLabel === undefined ? all : labeled;
  return useMemo(() => toRecentEvents(data, start), [data, start]);
}

/**
 * Returns the events of a list and the time from which they are complete. `start` is the start of the requested period
 * (ms).
 */
export function toRecentEvents(list: RecentEventList | undefined, start: number): RecentEvents {
  const events = list?.events ?? [];
  const oldestEvent = events.at(-1);
  const isTruncated = list?.isComplete === false && oldestEvent !== undefined;
  return { events, isLoaded: list !== undefined, since: isTruncated ? Date.parse(oldestEvent.recordedAt) : start };
}
