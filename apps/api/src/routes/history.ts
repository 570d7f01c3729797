import { AuditQuery, EventQuery, Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import { Router, type RequestHandler } from 'express';
import { operatorOf, requireAdmin } from '../http/auth.js';
import { parseFields } from '../http/body.js';
import { listAuditEntries } from '../services/audit/index.js';
import { listEvents } from '../services/inventory/index.js';
import { requireRevalidation } from './reads.js';

export interface HistoryRouterParts {
  /** Authenticates the operator and sets it for `operatorOf`. */
  auth: RequestHandler;
  db: Database;
}

/** Creates the routes of the organization's history: container events and the audit log. */
export function createHistoryRouter({ auth, db }: HistoryRouterParts): Router {
  const router = Router();

  router.get(Paths.events, auth, requireRevalidation, async (req, res) => {
    res.json(await listEvents(db, operatorOf(res).organizationId, parseFields(EventQuery, req.query)));
  });
  router.get(Paths.audit, auth, requireAdmin, requireRevalidation, async (req, res) => {
    res.json(await listAuditEntries(db, operatorOf(res).organizationId, parseFields(AuditQuery, req.query)));
  });
  return router;
}
