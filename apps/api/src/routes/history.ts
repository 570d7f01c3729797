import { AuditQuery, EventQuery, Paths } from '@muster/contracts';
import { Router, type RequestHandler } from 'express';
import { operatorOf, requireAdmin } from '../http/auth.js';
import { parseFields } from '../http/body.js';
import type { AuditReader } from '../services/audit/index.js';
import type { EventReader } from '../services/inventory/index.js';
import { requireRevalidation } from './reads.js';

export interface HistoryRouterParts {
  /** Authenticates the operator and sets it for `operatorOf`. */
  auth: RequestHandler;
  audit: AuditReader;
  events: EventReader;
}

/** Creates the routes of the organization's history: container events and the audit log. */
export function createHistoryRouter({ auth, audit, events }: HistoryRouterParts): Router {
  const router = Router();

  router.get(Paths.events, auth, requireRevalidation, async (req, res) => {
    res.json(await events.list(operatorOf(res), parseFields(EventQuery, req.query)));
  });
  router.get(Paths.audit, auth, requireAdmin, requireRevalidation, async (req, res) => {
    res.json(await audit.list(operatorOf(res), parseFields(AuditQuery, req.query)));
  });
  return router;
}
