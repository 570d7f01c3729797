import { z } from 'zod';
import { EnrollmentTokenCreated } from '../enrollment.js';
import {
  Host,
  HostDeletionRequest,
  HostDeletionResult,
  HostFacets,
  HostLabelChange,
  HostLabelChangeResult,
  HostPatch,
} from '../host.js';
import { HostGroups } from '../host-groups.js';
import { Id } from '../id.js';
import { HOST_GROUPS_MAX, HOST_LABELS_MAX, SERVICE_DISCOVERY_HOSTS_MAX } from '../limits.js';
import type { Operation } from '../operation.js';
import { HostPage } from '../pages.js';
import { Paths } from '../paths.js';
import { HostGroupQuery, HostLabelQuery, HostQuery, ServiceDiscoveryQuery } from '../queries.js';
import { ServiceDiscoveryTargets } from '../service-discovery.js';

/** The operations on hosts. */
export const HostOperations = {
  listHosts: {
    method: 'GET',
    path: Paths.hosts,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'List hosts',
    description: 'Returns hosts with their freshness, problems and container counts, filtered and sorted.',
    query: HostQuery,
    answers: { 200: HostPage },
  },
  getHostFacets: {
    method: 'GET',
    path: Paths.hostFacets,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'List the values of host filters',
    description:
      'Returns the engines, the agent versions and the labels of the hosts, each with the number of hosts that the ' +
      'filter `engine`, `agentVersion` or `hostLabel` finds. An agent version is outdated if the server’s agent release is newer.',
    query: HostLabelQuery,
    answers: { 200: HostFacets },
  },
  getHostGroups: {
    method: 'GET',
    path: Paths.hostGroups,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'Count hosts and containers by label',
    description:
      'Groups the hosts by the value of the label `by`, and returns the number of hosts by freshness and of containers ' +
      `by state for each value. At most ${HOST_GROUPS_MAX} groups are returned; \`other\` counts the hosts of all other groups.`,
    query: HostGroupQuery,
    answers: { 200: HostGroups },
  },
  discoverHosts: {
    method: 'GET',
    path: Paths.serviceDiscoveryHosts,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'List hosts for Prometheus',
    description:
      'Returns all hosts in the format of Prometheus’s HTTP service discovery (`http_sd_configs`). The target is the ' +
      'host’s first address, or else the name that its machine reports, or else its name, with `port` if it is given. ' +
      'Names that cannot be DNS names are not used, and a host without any of these is omitted. The labels ' +
      '`__meta_muster_host_*` are its name, id, freshness, platform, engine and labels. At most ' +
      `${SERVICE_DISCOVERY_HOSTS_MAX.toLocaleString('en')} hosts are returned, sorted by name.`,
    query: ServiceDiscoveryQuery,
    answers: { 200: ServiceDiscoveryTargets },
  },
  getHost: {
    method: 'GET',
    path: Paths.host,
    tag: 'Inventory',
    access: 'viewer',
    summary: 'Get a host',
    description: 'Returns one host. Fails with 404 if the organization has no such host.',
    resource: 'host',
    params: z.object({ hostId: Id }),
    answers: { 200: Host },
  },
  updateHost: {
    method: 'PATCH',
    path: Paths.host,
    tag: 'Inventory',
    access: 'admin',
    summary: 'Rename a host or set its labels',
    description:
      'Changes the host’s name in Muster only; the machine keeps its own. With `name: null`, the host takes the name that ' +
      'the machine reports. `labels` replaces the labels that operators have set. Returns the changed host. ' +
      'Fails with 404 if the organization has no such host.',
    resource: 'host',
    params: z.object({ hostId: Id }),
    body: HostPatch,
    answers: { 200: Host },
  },
  changeHostLabels: {
    method: 'POST',
    path: Paths.hostLabelChanges,
    tag: 'Inventory',
    access: 'admin',
    summary: 'Set and remove labels of several hosts',
    description:
      'Changes the labels that operators have set on these hosts, in one transaction, with one audit log entry per ' +
      'changed host. Fails with 400 and changes nothing if a host would have more than ' +
      `${HOST_LABELS_MAX} labels of operators.`,
    body: HostLabelChange,
    answers: { 200: HostLabelChangeResult },
  },
  deleteHost: {
    method: 'DELETE',
    path: Paths.host,
    tag: 'Inventory',
    access: 'admin',
    summary: 'Delete a host',
    description:
      'Revokes the host’s agent tokens and deletes the host, its containers and its history. Nothing on the machine ' +
      'changes. Its agent receives 410 for 30 days, and then 401. Enrolling the machine later creates a new host. ' +
      'Fails with 404 if the organization has no such host.',
    resource: 'host',
    params: z.object({ hostId: Id }),
    answers: { 204: null },
  },
  deleteHosts: {
    method: 'POST',
    path: Paths.hostDeletions,
    tag: 'Inventory',
    access: 'admin',
    summary: 'Delete several hosts',
    description:
      'Deletes each of the hosts as `DELETE /api/hosts/{hostId}` does, in one transaction, with one audit log entry ' +
      'per host. `notFound` contains the ids of hosts that the organization does not have. The containers and the ' +
      'history of the deleted hosts disappear from all lists immediately; the rows are deleted later.',
    body: HostDeletionRequest,
    answers: { 200: HostDeletionResult },
  },
  rotateHostToken: {
    method: 'POST',
    path: Paths.hostToken,
    tag: 'Inventory',
    access: 'admin',
    summary: 'Revoke a host’s agent tokens and create an enrollment token to restore it',
    description:
      'Use this if an agent token may have leaked. Revokes the host’s agent tokens, which stop working within 5 ' +
      'seconds. Returns an enrollment token that is valid for one use within 24 hours. Only this token can enroll ' +
      'the machine again as the same host. The host’s containers and history are kept. Fails with 404 if the ' +
      'organization has no such host.',
    resource: 'host',
    params: z.object({ hostId: Id }),
    answers: { 201: EnrollmentTokenCreated },
  },
} as const satisfies Record<string, Operation>;
