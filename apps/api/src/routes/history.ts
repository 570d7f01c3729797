import { Operations, type Page } from '@muster/contracts';
import type { Database } from '@muster/db';
import { route, type Route } from '../http/route.js';
import { listAuditEntries } from '../services/audit/index.js';
import { listEvents, listEventsOfHost, listHostEvents } from '../services/inventory/index.js';

/** The routes of the organization's history: events of containers and hosts, and the audit log. */
export const historyRoutes = (db: Database): Route[] => [
  route(Operations.listEvents, ({ caller, query }) =>
    // The contract's response type covers only the default subject, `container`.
    query.subject === 'host'
      ? (listHostEvents(db, caller.organizationId, query) as Promise<Page<never>>)
      : listEvents(db, caller.organizationId, query),
  ),
  route(Operations.listHostEvents, ({ caller, params, query }) =>
    listEventsOfHost(db, caller.organizationId, params.hostId, query),
  ),
  route(Operations.listAuditEntries, ({ caller, query }) => listAuditEntries(db, caller.organizationId, query)),
];
