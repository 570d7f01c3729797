import { z } from 'zod';
import { Attention } from '../attention.js';
import { ContainerView } from '../container-view.js';
import { DockerId } from '../container.js';
import { FleetMap } from '../fleet-map.js';
import { Id } from '../id.js';
import { FLEET_MAP_HOSTS_MAX } from '../limits.js';
import type { Operation } from '../operation.js';
import { ContainerPage } from '../pages.js';
import { Paths } from '../paths.js';
import { ContainerQuery, HostLabelQuery } from '../queries.js';
import { SearchQuery, SearchResult } from '../search.js';
import { Summary } from '../summary.js';

/** The operations that read containers, and the operations that summarize or search the whole inventory. */
export const ContainerOperations = {
  listContainers: {
    method: 'GET',
    path: Paths.containers,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'List containers of all hosts',
    description:
      'Returns containers with their host’s freshness, filtered and sorted. By default, returns only present ' +
      'containers. Sorting by `state` or `changedAt` requires `hostId`. `q` matches a part of the name, image or ' +
      'command, or the beginning of `dockerId`. If `q` has fewer than 3 characters, it matches only the beginning ' +
      'of the name or of `dockerId`. A page may have fewer than `limit` items: only a null `nextCursor` marks the ' +
      'end. A page with `incomplete: true` ends early because finding more matches would take too long.',
    query: ContainerQuery,
    answers: { 200: ContainerPage },
  },
  getContainer: {
    method: 'GET',
    path: Paths.hostContainer,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'Get a container',
    description:
      'Returns one container of a host, present or removed. Removed containers are kept for 7 days, but ' +
      'only the latest 10,000 of each host. Fails with 404 if the host or container does not exist.',
    resource: 'container',
    params: z.object({ hostId: Id, dockerId: DockerId }),
    answers: { 200: ContainerView },
  },
  getAttention: {
    method: 'GET',
    path: Paths.attention,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'List what needs attention',
    description:
      'Returns the hosts and the containers that have a problem now, grouped by problem, most severe first. Each ' +
      'group has the parameters that list exactly its hosts or containers. A container is in a crash loop if it ' +
      'exited with an error at least three times within the last hour.',
    query: HostLabelQuery,
    answers: { 200: Attention },
  },
  getFleetMap: {
    method: 'GET',
    path: Paths.fleetMap,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'Get a map of all hosts',
    description:
      'Returns the name, freshness, severity and number of unhealthy containers of every host, as arrays of equal ' +
      `length, sorted by name. Contains at most ${FLEET_MAP_HOSTS_MAX.toLocaleString('en')} hosts; \`total\` counts all hosts.`,
    query: HostLabelQuery,
    answers: { 200: FleetMap },
  },
  search: {
    method: 'GET',
    path: Paths.search,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'Search hosts, containers, images and projects',
    description:
      'Returns the first matches of each kind, ignoring case. Hosts match by a part of their name or `engineId`, or ' +
      'the beginning of their id. Present containers match by a part of their name, image or command, or the ' +
      'beginning of their `dockerId`. Images and projects match by a part of their name.',
    query: SearchQuery,
    answers: { 200: SearchResult },
  },
  getSummary: {
    method: 'GET',
    path: Paths.summary,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'Get counts of hosts and containers',
    description:
      'Returns counts of hosts by freshness, and of containers by state and health. Containers whose ' +
      '`hostFreshness` is not `online` are counted separately, as `lastKnown`.',
    query: HostLabelQuery,
    answers: { 200: Summary },
  },
} as const satisfies Record<string, Operation>;
