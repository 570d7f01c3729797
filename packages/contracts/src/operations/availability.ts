import { z } from 'zod';
import { AvailabilityGroups, AvailabilityItemPage, HostAvailability } from '../availability.js';
import { Id } from '../id.js';
import { FACET_VALUES_MAX } from '../limits.js';
import type { Operation } from '../operation.js';
import { Paths } from '../paths.js';
import { AvailabilityGroupsQuery, AvailabilityQuery, HostAvailabilityQuery } from '../queries.js';

/** The operations that read the availability of hosts. */
export const AvailabilityOperations = {
  getHostAvailability: {
    method: 'GET',
    path: Paths.hostAvailability,
    tag: 'History',
    access: 'viewer',
    summary: 'Get the availability of a host',
    description:
      'Returns how long the host was online in the window, and its state at each time. Time in which Muster itself was ' +
      'down, and time before the host was enrolled or after its agent left, is unknown and does not count. Fails with ' +
      '404 if the organization has no such host.',
    resource: 'host',
    params: z.object({ hostId: Id }),
    query: HostAvailabilityQuery,
    answers: { 200: HostAvailability },
  },
  listAvailabilityItems: {
    method: 'GET',
    path: Paths.availability,
    tag: 'History',
    access: 'viewer',
    summary: 'List hosts with their availability',
    description:
      'Returns hosts with their availability in the window, the lowest first by default. Hosts without a ratio are last. ' +
      'All pages of a list have the window of its first page.',
    query: AvailabilityQuery,
    answers: { 200: AvailabilityItemPage },
  },
  getAvailabilityGroups: {
    method: 'GET',
    path: Paths.availabilityGroups,
    tag: 'History',
    access: 'viewer',
    summary: 'Get the availability of groups of hosts',
    description:
      'Groups the hosts by the value of a host label, and returns the availability of each group, the lowest first, and ' +
      'of all hosts together. The availability of several hosts is the sum of their time online divided by the sum of ' +
      `their known time. Returns at most ${FACET_VALUES_MAX} groups.`,
    query: AvailabilityGroupsQuery,
    answers: { 200: AvailabilityGroups },
  },
} as const satisfies Record<string, Operation>;
