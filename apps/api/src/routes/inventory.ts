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
  route(Operations.getSummary, ({ caller }) => getSummary(caller.organizationId)),
  route(Operations.getAttention, ({ caller }) => getAttention(caller.organizationId)),
  route(Operations.getFleetMap, ({ caller }) => getFleetMap(caller.organizationId)),
  route(Operations.search, ({ caller, query }) => search(source, containers, caller, query.q)),
  route(Operations.listImages, ({ caller, query }) => listImages(source.db, caller.organizationId, query)),
  route(Operations.getImageBuilds, ({ caller, query }) => getImageBuilds(source, caller.organizationId, query.image)),
  route(Operations.listPorts, ({ caller, query }) => listPorts(source, caller.organizationId, query)),
  route(Operations.listProjects, ({ caller, query }) => listProjects(source, caller.organizationId, query)),
];
