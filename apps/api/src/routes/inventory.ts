import { Operations } from '@muster/contracts';
import { route, type Route } from '../http/route.js';
import type { FreshnessSource } from '../services/freshness/index.js';
import { listImages, listPorts, listProjects, type GetSummary } from '../services/inventory/index.js';

/** The routes that summarize the fleet of the operator's organization. */
export const inventoryRoutes = (source: FreshnessSource, getSummary: GetSummary): Route[] => [
  route(Operations.getSummary, ({ caller }) => getSummary(caller.organizationId)),
  route(Operations.listImages, ({ caller, query }) => listImages(source.db, caller.organizationId, query)),
  route(Operations.listPorts, ({ caller, query }) => listPorts(source, caller.organizationId, query)),
  route(Operations.listProjects, ({ caller, query }) => listProjects(source, caller.organizationId, query)),
];
