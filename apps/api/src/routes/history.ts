import { Operations } from '@muster/contracts';
import type { Database } from '@muster/db';
import { route, type Route } from '../http/route.js';
import { listAuditEntries } from '../services/audit/index.js';
import { listEvents } from '../services/inventory/index.js';

/** The routes of the organization's history: container events and the audit log. */
export const historyRoutes = (db: Database): Route[] => [
  route(Operations.listEvents, ({ caller, query }) => listEvents(db, caller.organizationId, query)),
  route(Operations.listAuditEntries, ({ caller, query }) => listAuditEntries(db, caller.organizationId, query)),
];
