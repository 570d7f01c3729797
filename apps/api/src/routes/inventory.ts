import { Operations } from '@muster/contracts';
import { route, type Route } from '../http/route.js';
import type { FreshnessSource } from '../services/freshness/index.js';
import {
  type ContainerReader,
  type GetFleetMap,
  type GetAttention,
  type GetSummary,
  getImageBuilds,
  listImages,
  listPorts,
  listProjects,
  search,
} from '../services/inventory/index.js';

/** The routes that summarize the fleet of the operator's organization. */
export const inventoryRoutes = (
  source: FreshnessSource,
  containers: ContainerReader,
  getSummary: GetSummary,
  getAttention: GetAttention,
  getFleetMap: GetFleetMap,
): Route[] => [
  route(Operations.getSummary, ({ caller, query }) => getSummary(caller.organizationId, query.hostLabel)),
  route(Operations.getAttention, ({ caller, query }) => getAttention(caller.organizationId, query.hostLabel)),
  route(Operations.getFleetMap, ({ caller, query }) => getFleetMap(caller.organizationId, query.hostLabel)),
  route(Operations.search, ({ caller, query }) => search(source, containers, caller, query)),
  route(Operations.listImages, ({ caller, query }) => listImages(source.db, caller.organizationId, query)),
  route(Operations.getImageBuilds, ({ caller, query }) => getImageBuilds(source, caller.organizationId, query)),
  route(Operations.listPorts, ({ caller, query }) => listPorts(source, caller.organizationId, query)),
  route(Operations.listProjects, ({ caller, query }) => listProjects(source, caller.organizationId, query)),
];
