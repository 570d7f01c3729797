import { Operations } from '@muster/contracts';
import { route, type Route } from '../http/route.js';
import type { AvailabilityService } from '../services/availability/index.js';

/** The routes for the availability of the operator's hosts. */
export const availabilityRoutes = (availability: AvailabilityService): Route[] => [
  route(Operations.getHostAvailability, ({ caller, params, query }) =>
    availability.ofHost(caller.organizationId, params.hostId, query.window),
  ),
  route(Operations.listAvailabilityItems, ({ caller, query }) => availability.list(caller.organizationId, query)),
  route(Operations.getAvailabilityGroups, ({ caller, query }) => availability.groups(caller.organizationId, query)),
];
