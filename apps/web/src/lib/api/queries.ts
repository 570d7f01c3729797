import type { Input, PagedOperationName } from '@muster/client';
import type { StreamMessage } from '@muster/contracts';
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, isSignedOut } from './client';

/** The queries of the API. The first word of a query's key is its topic; a change makes a topic's queries stale. */

/** Number of rows in one page of a list, which is the API's maximum. */
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

export const signInOptionsQuery = queryOptions({
  queryKey: ['sign-in-options'],
  queryFn: ({ signal }) => api.call('getSignInOptions', {}, { signal }),
});

export const summaryQuery = queryOptions({
  queryKey: ['summary'],
  queryFn: ({ signal }) => api.call('getSummary', {}, { signal }),
});

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

export const sessionsQuery = queryOptions({
  queryKey: ['sessions'],
  queryFn: ({ signal }) => api.call('listSessions', {}, { signal }),
});

/** Creates the query for a list that is read page by page. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- infers the item type from `read`
const pages = <T>(
  key: readonly unknown[],
  read: (
    page: { cursor: string | undefined; limit: number },
    options: { signal: AbortSignal },
  ) => Promise<{ items: T[]; nextCursor: string | null }>,
  limit = PAGE_ROWS,
) =>
  infiniteQueryOptions({
    queryKey: [...key, limit],
    queryFn: ({ pageParam, signal }) => read({ cursor: pageParam ?? undefined, limit }, { signal }),
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }: { nextCursor: string | null }) => nextCursor,
    placeholderData: keepPreviousData,
  });

/** Options for queries that the stream marks as stale. If the stream fails, `refreshOlderThan` refetches them. */
const FOLLOWED = { staleTime: Infinity } as const;

type Query<Name extends PagedOperationName> =
  Input<Name> extends { query?: infer Filters } ? Omit<NonNullable<Filters>, 'cursor' | 'limit'> : never;
export type ContainerFilters = Query<'listContainers'>;
export type EventFilters = Query<'listEvents'>;

export const containersQuery = (filters: ContainerFilters, limit?: number) => ({
  ...pages(
    ['containers', 'list', filters],
    (page, options) => api.call('listContainers', { query: { ...filters, ...page } }, options),
    limit,
  ),
  ...FOLLOWED,
});

export const hostsQuery = () => ({
  ...pages(['hosts', 'list'], (page, options) => api.call('listHosts', { query: page }, options)),
  ...FOLLOWED,
});

export const eventsQuery = (filters: EventFilters, limit?: number) => ({
  ...pages(
    ['events', filters],
    (page, options) => api.call('listEvents', { query: { ...filters, ...page } }, options),
    limit,
  ),
  ...FOLLOWED,
});

export const imagesQuery = (filters: Query<'listImages'>) =>
  pages(['images', filters], (page, options) => api.call('listImages', { query: { ...filters, ...page } }, options));

export const portsQuery = (filters: Query<'listPorts'>) =>
  pages(['ports', filters], (page, options) => api.call('listPorts', { query: { ...filters, ...page } }, options));

export const projectsQuery = (filters: Query<'listProjects'>) =>
  pages(['projects', filters], (page, options) =>
    api.call('listProjects', { query: { ...filters, ...page } }, options),
  );

export const enrollmentTokensQuery = () =>
  pages(['enrollment-tokens'], (page, options) => api.call('listEnrollmentTokens', { query: page }, options));

export const auditQuery = () =>
  pages(['audit'], (page, options) => api.call('listAuditEntries', { query: page }, options));

export const membersQuery = () =>
  pages(['members'], (page, options) => api.call('listMembers', { query: page }, options));

export const invitationsQuery = () =>
  pages(['invitations'], (page, options) => api.call('listInvitations', { query: page }, options));

export const apiKeysQuery = () =>
  pages(['api-keys'], (page, options) => api.call('listApiKeys', { query: page }, options));

/** The topics that depend on containers. */
const CONTAINER_KEYS: readonly string[] = ['containers', 'events', 'images', 'ports', 'projects'];

/** The topics that show the fleet, which changes without any action on this page. */
export const FLEET_KEYS: readonly string[] = ['summary', 'hosts', ...CONTAINER_KEYS];

/**
 * Returns the keys that a message of the stream makes stale. A `host` message includes the container keys because the
 * container messages of the same change may arrive later.
 */
export const staleKeysAfter = (event: StreamMessage['event']): readonly (readonly string[])[] => {
  switch (event) {
    case 'container':
    case 'host':
      return CONTAINER_KEYS.map((key) => [key]);
    case 'host-deleted':
    case 'hosts-changed':
      return FLEET_KEYS.map((key) => [key]);
    default:
      return [];
  }
};
