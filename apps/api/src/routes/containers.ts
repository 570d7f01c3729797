import { Operations } from '@muster/contracts';
import { route, type Route } from '../http/route.js';
import type { ContainerReader } from '../services/inventory/index.js';

/** The routes for the containers of the operator's organization. */
export const containerRoutes = (containers: ContainerReader): Route[] => [
  route(Operations.listContainers, ({ caller, query }) => containers.list(caller, query)),
  route(Operations.getContainer, ({ caller, params }) => containers.get(caller, params.hostId, params.dockerId)),
];
