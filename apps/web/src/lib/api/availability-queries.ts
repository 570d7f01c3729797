import type { Input } from '@muster/client';
import type { AvailabilityWindow } from '@muster/contracts';
import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api } from './client';

/** Number of hosts with the lowest availability that are shown. */
const WORST_HOSTS = 5;

/** Milliseconds after which the lowest availability is read again. The API reads the history of all hosts for it. */
const WORST_HOSTS_AGE_MS = 5 * 60_000;

/** Interval, in milliseconds, at which a host's availability is read again even if the host has no event. */
const HOST_AGE_MS = 60_000;

export const hostAvailabilityQuery = (hostId: string, window: AvailabilityWindow) =>
  queryOptions({
    queryKey: ['availability', 'one', hostId, window],
    queryFn: ({ signal }) => api.call('getHostAvailability', { params: { hostId }, query: { window } }, { signal }),
    placeholderData: keepPreviousData,
    refetchInterval: HOST_AGE_MS,
  });

/** The query for the availability of the hosts with each value of a label. */
export const availabilityGroupsQuery = (by: string, hostLabel: string[] | undefined, window: AvailabilityWindow) =>
  queryOptions({
    queryKey: ['availability', 'groups', window, by, hostLabel],
    queryFn: ({ signal }) => api.call('getAvailabilityGroups', { query: { window, by, hostLabel } }, { signal }),
    staleTime: WORST_HOSTS_AGE_MS,
    refetchInterval: WORST_HOSTS_AGE_MS,
  });

export type WorstHostFilters = Pick<NonNullable<Input<'listAvailabilityItems'>['query']>, 'hostLabel'>;

export const worstHostsQuery = (window: AvailabilityWindow, filters: WorstHostFilters) =>
  queryOptions({
    queryKey: ['availability', 'worst', window, filters],
    queryFn: ({ signal }) =>
      api.call(
        'listAvailabilityItems',
        { query: { ...filters, window, sort: 'ratio', limit: WORST_HOSTS } },
        { signal },
      ),
    placeholderData: keepPreviousData,
    staleTime: WORST_HOSTS_AGE_MS,
    refetchInterval: WORST_HOSTS_AGE_MS,
  });
