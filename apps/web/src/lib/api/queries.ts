import type { Input, PagedName } from '@muster/client';
import type { StreamMessage } from '@muster/contracts';
import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, isSignedOut } from './client';

/** What is kept of the API's answers, by what it is about: the first word of a key is what a change makes stale. */

/** Rows that one request of a long list asks for; the API gives no more. */
const PAGE_ROWS = 200;

/** Who is signed in; null where nobody is. */
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

/** A list that is read page by page, as far as somebody looks. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- what is read is what the query then gives
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

/** The stream says when these are out of date, and `refreshOlderThan` reads them again where it does not. */
const FOLLOWED = { staleTime: Infinity } as const;

type Query<Name extends PagedName> =
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

/** The first words of the keys of what is read of containers. */
const CONTAINER_KEYS: readonly string[] = ['containers', 'events', 'images', 'ports', 'projects'];

/** Those of all that shows the fleet: it changes without anyone acting on this page. */
export const FLEET_KEYS: readonly string[] = ['summary', 'hosts', ...CONTAINER_KEYS];

/**
 * What a message of the stream makes stale. A `host` message is also sent when the counts of its containers change, while
 * the history, and with it each container's own message, may be held back.
 */
export const staleAfter = (event: StreamMessage['event']): readonly (readonly string[])[] => {
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
