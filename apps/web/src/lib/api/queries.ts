import type { Input, PagedOperationName } from '@muster/client';
import type { ContainerEvent, Host, HostEvent, HostEventKind, Page, StreamMessage } from '@muster/contracts';
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, isSignedOut } from './client';

/**
 * The queries of the API. The first element of a query's key is its topic. A change makes all queries of a topic stale.
 */

/** Number of rows in one page of a list. It is the API's maximum. */
const PAGE_ROWS = 200;

/** The query for the session, whose data is null if the user is not signed in. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }) => {
    try {
      return await api.call('getSession', {}, { signal });
    } catch (error) {
      if (isSignedOut(error)) return null;
      throw error;
    }
  },
  staleTime: Infinity,
});

export const searchQuery = (q: string) =>
  queryOptions({
    queryKey: ['search', q],
    queryFn: ({ signal }) => api.call('search', { query: { q } }, { signal }),
    placeholderData: keepPreviousData,
  });

export const systemQuery = queryOptions({
  queryKey: ['system'],
  queryFn: ({ signal }) => api.call('getSystem', {}, { signal }),
});

export const signInOptionsQuery = queryOptions({
  queryKey: ['sign-in-options'],
  queryFn: ({ signal }) => api.call('getSignInOptions', {}, { signal }),
});

export const agentReleaseQuery = queryOptions({
  queryKey: ['agent-release'],
  queryFn: ({ signal }) => api.call('describeAgentRelease', {}, { signal }),
});

/**
 * Milliseconds after which data about the hosts with given labels is read again. The live stream updates only the data
 * about all hosts.
 */
const LABELED_AGE_MS = 10_000;

/** Returns the interval at which data about all hosts, or about the hosts with the given labels, is read again. */
const intervalOf = (hostLabel: string[] | undefined): number | false =>
  hostLabel === undefined ? false : LABELED_AGE_MS;

/** Returns the query key for data about all hosts, or about the hosts with the given labels. */
const labeledKey = (topic: string, hostLabel: string[] | undefined): (string | string[])[] =>
  hostLabel === undefined ? [topic] : [topic, hostLabel];

/** The query for the counts of all hosts, or of the hosts with the given labels. */
export const summaryQueryOf = (hostLabel?: string[]) =>
  queryOptions({
    queryKey: labeledKey('summary', hostLabel),
    queryFn: ({ signal }) => api.call('getSummary', { query: { hostLabel } }, { signal }),
    placeholderData: keepPreviousData,
    refetchInterval: intervalOf(hostLabel),
  });
export const summaryQuery = summaryQueryOf();

/** The query for the hosts to offer while the user types a part of a name. */
export const hostMatchesQuery = (q: string) =>
  queryOptions({
    queryKey: ['hosts', 'matches', q],
    queryFn: ({ signal }) => api.call('listHosts', { query: { q, limit: 10 } }, { signal }),
    placeholderData: keepPreviousData,
  });

/** Maximum number of hosts with shared names that are distinguished in tables that do not list hosts. */
export const SHARED_NAMES_MAX = 1_000;

/** The query for the hosts whose name another host has. The live stream updates it (`applyMessages`). */
export const sharedNamesQuery = queryOptions({
  queryKey: ['hosts', 'shared-names'],
  queryFn: async ({ signal }): Promise<readonly Host[]> => {
    const hosts: Host[] = [];
    let cursor: string | undefined;
    do {
      const page = await api.call('listHosts', { query: { sharedName: true, limit: PAGE_ROWS, cursor } }, { signal });
      hosts.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined && hosts.length < SHARED_NAMES_MAX);
    return hosts;
  },
  staleTime: Infinity,
});

/** Milliseconds after which facets are read again, because counting the labels of a large fleet is slow. */
const FACETS_AGE_MS = 60_000;

export const hostFacetsQuery = queryOptions({
  queryKey: ['host-facets'],
  queryFn: ({ signal }) => api.call('getHostFacets', {}, { signal }),
  staleTime: FACETS_AGE_MS,
  refetchInterval: FACETS_AGE_MS,
});

/** The query for the hosts grouped by the value of a label. */
export const hostGroupsQuery = (by: string, hostLabel: string[] | undefined) =>
  queryOptions({
    queryKey: ['hosts', 'groups', by, hostLabel],
    queryFn: ({ signal }) => api.call('getHostGroups', { query: { by, hostLabel } }, { signal }),
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });

export const attentionQuery = (hostLabel?: string[]) =>
  queryOptions({
    queryKey: labeledKey('attention', hostLabel),
    queryFn: ({ signal }) => api.call('getAttention', { query: { hostLabel } }, { signal }),
    staleTime: Infinity,
    placeholderData: keepPreviousData,
    refetchInterval: intervalOf(hostLabel),
  });

/** The query for the map of all hosts, or of the hosts with the given labels. */
export const fleetMapQueryOf = (hostLabel?: string[]) =>
  queryOptions({
    queryKey: labeledKey('fleet-map', hostLabel),
    queryFn: ({ signal }) => api.call('getFleetMap', { query: { hostLabel } }, { signal }),
    staleTime: Infinity,
    // Comparing all hosts after each message would block the page.
    structuralSharing: false,
    placeholderData: keepPreviousData,
    refetchInterval: intervalOf(hostLabel),
  });
export const fleetMapQuery = fleetMapQueryOf();

export const hostQuery = (hostId: string) =>
  queryOptions({
    queryKey: ['hosts', 'one', hostId],
    queryFn: ({ signal }) => api.call('getHost', { params: { hostId } }, { signal }),
  });

export const containerQuery = (hostId: string, dockerId: string) =>
  queryOptions({
    queryKey: ['containers', 'one', hostId, dockerId],
    queryFn: ({ signal }) => api.call('getContainer', { params: { hostId, dockerId } }, { signal }),
  });

/** The query for the newest present containers of a workload. */
export const successorsQuery = (filters: ContainerFilters) =>
  queryOptions({
    queryKey: ['containers', 'successors', filters],
    queryFn: ({ signal }) =>
      api.call('listContainers', { query: { ...filters, sort: '-firstSeenAt', limit: 20 } }, { signal }),
  });

/** The query for the newest containers, present or removed, that match filters. */
export const containersOfAllTimesQuery = (filters: ContainerFilters) =>
  queryOptions({
    queryKey: ['containers', 'of-all-times', filters],
    queryFn: ({ signal }) =>
      api.call(
        'listContainers',
        { query: { ...filters, presence: 'all', sort: '-firstSeenAt', limit: 200 } },
        { signal },
      ),
  });

/** The query for the last event of a container. The container itself may no longer be stored. */
export const lastEventQuery = (hostId: string, dockerId: string) =>
  queryOptions({
    queryKey: ['events', 'last', hostId, dockerId],
    queryFn: ({ signal }) =>
      api.call('listEvents', { query: { hostId: [hostId], dockerId: [dockerId], limit: 1 } }, { signal }),
  });

export const sessionsQuery = queryOptions({
  queryKey: ['sessions'],
  queryFn: ({ signal }) => api.call('listSessions', {}, { signal }),
});

/** Creates the query for a paged list. */
const pagedQuery = <P extends { items: unknown[]; nextCursor: string | null }>(
  key: readonly unknown[],
  readPage: (page: { cursor: string | undefined; limit: number }, options: { signal: AbortSignal }) => Promise<P>,
  limit = PAGE_ROWS,
) =>
  infiniteQueryOptions({
    queryKey: [...key, limit],
    queryFn: ({ pageParam, signal }) => readPage({ cursor: pageParam ?? undefined, limit }, { signal }),
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }: P) => nextCursor,
    placeholderData: keepPreviousData,
  });

/** Options for queries that the stream marks as stale. If the stream fails, `refreshOlderThan` refetches them. */
const LIVE_QUERY_OPTIONS = { staleTime: Infinity } as const;

type FiltersOf<Name extends PagedOperationName> =
  Input<Name> extends { query?: infer Query } ? Omit<NonNullable<Query>, 'cursor' | 'limit'> : never;
export type ContainerFilters = FiltersOf<'listContainers'>;
export type HostFilters = FiltersOf<'listHosts'>;
export type EventFilters = FiltersOf<'listEvents'>;

/**
 * Returns the parameter that requests the total. Only the request for the first page has this parameter, because
 * counting can be slow.
 */
const countOf = ({ count }: { count?: unknown }, { cursor }: { cursor: string | undefined }): { count?: true } =>
  count === true && cursor === undefined ? { count } : {};

export const containersQuery = (filters: ContainerFilters, limit?: number) => ({
  ...pagedQuery(
    ['containers', 'list', filters],
    (page, options) =>
      api.call(
        'listContainers',
        { query: { ...filters, count: undefined, ...page, ...countOf(filters, page) } },
        options,
      ),
    limit,
  ),
  ...LIVE_QUERY_OPTIONS,
});

/** The query for a list of hosts. The first page states how many hosts match the filters. */
export const hostsQuery = (filters: HostFilters = {}, limit?: number) => ({
  ...pagedQuery(
    ['hosts', 'list', filters],
    (page, options) =>
      api.call('listHosts', { query: { ...filters, ...page, ...countOf({ count: true }, page) } }, options),
    limit,
  ),
  ...LIVE_QUERY_OPTIONS,
  // Comparing all loaded hosts after each message would block the page. `updateHosts` already keeps unchanged objects.
  structuralSharing: false,
});

export const eventsQuery = (filters: EventFilters, limit?: number) => ({
  ...pagedQuery(
    ['events', filters],
    (page, options) => api.call('listEvents', { query: { ...filters, ...page } }, options),
    limit,
  ),
  ...LIVE_QUERY_OPTIONS,
});

/** The query for the events of one host itself. */
export const hostEventsQuery = (hostId: string, limit: number) => ({
  ...pagedQuery(
    ['host-events', 'one', hostId],
    (page, options) => api.call('listHostEvents', { params: { hostId }, query: page }, options),
    limit,
  ),
  ...LIVE_QUERY_OPTIONS,
});

/** The query for the events of hosts. */
export const allHostEventsQuery = (
  filters: { hostId: string[] | undefined; hostLabel: string[] | undefined; kind: HostEventKind[] | undefined },
  limit: number,
) => ({
  ...pagedQuery(
    ['host-events', 'list', filters],
    async (page, options): Promise<Page<HostEvent>> => {
      const events: Page<unknown> = await api.call(
        'listEvents',
        { query: { ...filters, subject: 'host', ...page } },
        options,
      );
      return events as Page<HostEvent>;
    },
    limit,
  ),
  ...LIVE_QUERY_OPTIONS,
});

/** The filters of the history of a workload. */
export interface TimelineFilters {
  events: EventFilters;
  /**
   * The filters that find the events from before version 0.4, which have no workload; null if `events` already finds
   * them.
   */
  earlier: EventFilters | null;
}

/** The position of a page: either in the events of the workload, or in the earlier events, which end at `until`. */
interface TimelinePosition {
  isEarlier: boolean;
  cursor: string | null;
  until: string | undefined;
}

const FIRST_TIMELINE_POSITION: TimelinePosition = { isEarlier: false, cursor: null, until: undefined };

/**
 * The query for the history of a workload. The events that were recorded before version 0.4 come after all other
 * events.
 */
export const timelineQuery = ({ events, earlier }: TimelineFilters, limit: number) =>
  infiniteQueryOptions({
    queryKey: ['events', 'timeline', events, earlier, limit],
    queryFn: async ({ pageParam, signal }) => {
      const read = (filters: EventFilters, cursor: string | null, until?: string) =>
        api.call('listEvents', { query: { ...filters, until, limit, cursor: cursor ?? undefined } }, { signal });
      const page = pageParam.isEarlier ? null : await read(events, pageParam.cursor);
      if (page !== null && (page.nextCursor !== null || earlier === null)) return { ...page, ...pageParam };
      const until = page === null ? pageParam.until : page.items.at(-1)?.recordedAt;
      const { items, nextCursor } = await read(earlier ?? events, page === null ? pageParam.cursor : null, until);
      const earlierItems = items.filter(({ workload }) => workload === null);
      return { items: [...(page?.items ?? []), ...earlierItems], nextCursor, isEarlier: true, until };
    },
    initialPageParam: FIRST_TIMELINE_POSITION,
    getNextPageParam: ({ nextCursor, isEarlier, until }): TimelinePosition | null =>
      nextCursor === null ? null : { cursor: nextCursor, isEarlier, until },
    placeholderData: keepPreviousData,
    ...LIVE_QUERY_OPTIONS,
  });

/** The latest events of a period, newest first. `isComplete` is false if the period has more events than are listed. */
export interface RecentEventList {
  events: readonly ContainerEvent[];
  isComplete: boolean;
}

/** The beginning of the key of every list of recent events. */
export const RECENT_EVENTS_KEY = ['recent-events'] as const;

/**
 * The query for the latest events since a time, at most `eventsMax`. The live stream adds new events to the query's
 * cached data.
 */
export const recentEventsQuery = (since: string, eventsMax: number) =>
  queryOptions({
    queryKey: [...RECENT_EVENTS_KEY, since, eventsMax] as const,
    queryFn: async ({ signal }): Promise<RecentEventList> => {
      const page = await api.call('listEvents', { query: { since, limit: eventsMax } }, { signal });
      return { events: page.items, isComplete: page.nextCursor === null };
    },
    placeholderData: keepPreviousData,
    ...LIVE_QUERY_OPTIONS,
  });

/**
 * The query for the latest events of the hosts with the given labels. It has the topic of the lists of events, because
 * the live stream does not say which hosts have the labels.
 */
export const labeledRecentEventsQuery = (since: string, eventsMax: number, hostLabel: string[] | undefined) =>
  queryOptions({
    queryKey: ['events', 'recent', since, eventsMax, hostLabel],
    queryFn: async ({ signal }): Promise<RecentEventList> => {
      const page = await api.call('listEvents', { query: { since, hostLabel, limit: eventsMax } }, { signal });
      return { events: page.items, isComplete: page.nextCursor === null };
    },
    placeholderData: keepPreviousData,
    ...LIVE_QUERY_OPTIONS,
  });

export const imagesQuery = (filters: FiltersOf<'listImages'>) =>
  pagedQuery(['images', filters], (page, options) =>
    api.call('listImages', { query: { ...filters, ...page } }, options),
  );

/**
 * The query for the builds of one image. Its key begins like the key of the list of images, because the same changes
 * make both queries stale.
 */
export const imageBuildsQuery = (image: string, hostLabel?: string[]) =>
  queryOptions({
    queryKey: ['images', 'builds', image, hostLabel],
    queryFn: ({ signal }) => api.call('getImageBuilds', { query: { image, hostLabel } }, { signal }),
    placeholderData: keepPreviousData,
  });

export const portsQuery = (filters: FiltersOf<'listPorts'>) =>
  pagedQuery(['ports', filters], (page, options) => api.call('listPorts', { query: { ...filters, ...page } }, options));

export const projectsQuery = (filters: FiltersOf<'listProjects'>) =>
  pagedQuery(['projects', filters], (page, options) =>
    api.call('listProjects', { query: { ...filters, ...page } }, options),
  );

export const enrollmentTokensQuery = () =>
  pagedQuery(['enrollment-tokens'], (page, options) => api.call('listEnrollmentTokens', { query: page }, options));

export const auditQuery = () =>
  pagedQuery(['audit'], (page, options) => api.call('listAuditEntries', { query: page }, options));

export const membersQuery = () =>
  pagedQuery(['members'], (page, options) => api.call('listMembers', { query: page }, options));

export const invitationsQuery = () =>
  pagedQuery(['invitations'], (page, options) => api.call('listInvitations', { query: page }, options));

export const apiKeysQuery = () =>
  pagedQuery(['api-keys'], (page, options) => api.call('listApiKeys', { query: page }, options));

/** The topics whose data changes when a container changes. */
const CONTAINER_TOPICS: readonly string[] = ['attention', 'containers', 'events', 'images', 'ports', 'projects'];

/** The topics with data about the fleet. This data can change without any action by the user. */
export const FLEET_TOPICS: readonly string[] = [
  'summary',
  'hosts',
  'host-events',
  'fleet-map',
  'recent-events',
  ...CONTAINER_TOPICS,
];

/** The topics about the fleet that are read again only after a minute or more, because reading them takes long. */
export const SLOW_TOPICS: readonly string[] = ['host-facets', 'availability'];

/**
 * Returns the query keys that a message of the live stream makes stale. A `host` message also makes the topics of
 * containers stale, because the container messages of the same change may arrive later. A `freshness` message is the
 * first message of each connection. It makes the recent events stale, because they may have been read before the
 * connection was opened.
 */
export const staleKeysAfter = (event: StreamMessage['event']): readonly (readonly string[])[] => {
  switch (event) {
    case 'container':
    case 'host':
      return CONTAINER_TOPICS.map((topic) => [topic]);
    case 'host-event':
      return [['host-events'], ['availability', 'one']];
    case 'freshness':
      return [RECENT_EVENTS_KEY, ['host-events']];
    case 'host-deleted':
      return [...FLEET_TOPICS, ...SLOW_TOPICS].map((topic) => [topic]);
    case 'hosts-changed':
      return FLEET_TOPICS.map((topic) => [topic]);
    default:
      return [];
  }
};
