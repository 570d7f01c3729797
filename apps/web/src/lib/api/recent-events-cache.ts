import type { ContainerEvent, Host } from '@muster/contracts';
import type { QueryClient } from '@tanstack/react-query';
import { RECENT_EVENTS_KEY, type RecentEventList, type recentEventsQuery } from './queries';

/**
 * Adds events to the cached lists of recent events, and renames changed hosts in them, so that the lists need not be
 * requested again. If a list is being read at this time, the response may lack the new events. In that case, returns
 * false.
 */
export function updateRecentEvents(
  client: QueryClient,
  events: readonly ContainerEvent[],
  changedHosts: ReadonlyMap<string, Host>,
): boolean {
  const lists = client.getQueryCache().findAll({ queryKey: RECENT_EVENTS_KEY });
  for (const { queryKey, state } of lists) {
    const [, since, eventsMax] = queryKey as ReturnType<typeof recentEventsQuery>['queryKey'];
    client.setQueryData<RecentEventList>(
      queryKey,
      (list) => list && renameHosts(addEvents(list, events, since, eventsMax), changedHosts),
      { updatedAt: state.dataUpdatedAt },
    );
  }
  return events.length === 0 || lists.every(({ state }) => state.fetchStatus === 'idle');
}

function addEvents(
  list: RecentEventList,
  events: readonly ContainerEvent[],
  since: string,
  eventsMax: number,
): RecentEventList {
  const listedIds = new Set(list.events.map(({ id }) => id));
  const isNew = ({ id, recordedAt }: ContainerEvent): boolean =>
    !listedIds.has(id) && Date.parse(recordedAt) >= Date.parse(since);
  const newEvents = events.filter(isNew);
  if (newEvents.length === 0) return list;
  const merged = [...newEvents, ...list.events].sort(comparePositions);
  return { events: merged.slice(0, eventsMax), isComplete: list.isComplete && merged.length <= eventsMax };
}

/** Orders events as the API does, newest first, by the two numbers of their ids. */
function comparePositions(a: ContainerEvent, b: ContainerEvent): number {
  const [[aTx = 0, aId = 0], [bTx = 0, bId = 0]] = [a.id.split('-').map(Number), b.id.split('-').map(Number)];
  return bTx - aTx || bId - aId;
}

function renameHosts(list: RecentEventList, hosts: ReadonlyMap<string, Host>): RecentEventList {
  const nameOf = ({ hostId, hostName }: ContainerEvent): string => hosts.get(hostId)?.name ?? hostName;
  if (list.events.every((event) => nameOf(event) === event.hostName)) return list;
  return { ...list, events: list.events.map((event) => ({ ...event, hostName: nameOf(event) })) };
}
