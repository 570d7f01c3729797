import { AuditQuery, EventQuery, Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import { Router, type RequestHandler } from 'express';
import { operatorOf, requireAdmin } from '../http/auth.js';
import { parseFields } from '../http/body.js';
import { listAuditEntries } from '../services/audit/index.js';
import type { EventReader } from '../services/inventory/index.js';
import { requireRevalidation } from './reads.js';

export interface HistoryRouterParts {
  /** Authenticates the operator and sets it for `operatorOf`. */
  auth: RequestHandler;
  db: Database;
  events: EventReader;
}

/** Creates the routes of the organization's history: container events and the audit log. */
export function createHistoryRouter({ auth, db, events }: HistoryRouterParts): Router {
  const router = Router();

  router.get(Paths.events, auth, requireRevalidation, async (req, res) => {
    res.json(await events.list(operatorOf(res), parseFields(EventQuery, req.query)));
  });
  router.get(Paths.audit, auth, requireAdmin, requireRevalidation, async (req, res) => {
    res.json(await listAuditEntries(db, operatorOf(res).organizationId, parseFields(AuditQuery, req.query)));
  });
  return router;
}
