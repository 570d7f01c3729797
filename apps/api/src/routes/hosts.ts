import { Operations } from '@muster/contracts';
import { route, type Route } from '../http/route.js';
import type { AgentReleaseService } from '../services/agent-release/index.js';
import type { FreshnessSource } from '../services/freshness/index.js';
import type { HostService } from '../services/hosts/index.js';
import { createGetHostFacets, discoverHosts, getHost, getHostGroups, listHosts } from '../services/inventory/index.js';

/** The routes for the hosts of the operator's organization. */
export function hostRoutes(source: FreshnessSource, hosts: HostService, release: AgentReleaseService): Route[] {
  const getHostFacets = createGetHostFacets(source.db);
  return [
    route(Operations.listHosts, ({ caller, query }) => listHosts(source, caller.organizationId, query)),
    route(Operations.getHostFacets, async ({ caller, query }) => {
      const { version: releaseVersion } = await release.describe();
      return getHostFacets(caller.organizationId, { ...query, releaseVersion });
    }),
    route(Operations.getHostGroups, ({ caller, query }) => getHostGroups(source, caller.organizationId, query)),
    route(Operations.discoverHosts, ({ caller, query }) => discoverHosts(source, caller.organizationId, query)),
    route(Operations.getHost, ({ caller, params }) => getHost(source, caller.organizationId, params.hostId)),
    route(Operations.updateHost, ({ caller, params, body }) => hosts.update(caller, params.hostId, body)),
    route(Operations.changeHostLabels, ({ caller, body }) => hosts.changeLabels(caller, body)),
    route(Operations.rotateHostToken, ({ caller, params }) => hosts.rotateToken(caller, params.hostId)),
    route(Operations.deleteHosts, ({ caller, body }) => hosts.deleteSeveral(caller, body)),
    route(Operations.deleteHost, ({ caller, params }) => hosts.delete(caller, params.hostId)),
  ];
}
