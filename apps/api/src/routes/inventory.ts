import { ImageQuery, Paths, PortQuery, ProjectQuery } from '@muster/contracts';
import { Router, type RequestHandler } from 'express';
import { operatorOf } from '../http/auth.js';
import { parseFields } from '../http/body.js';
import type { FreshnessSource } from '../services/freshness/index.js';
import { listImages, listPorts, listProjects, type GetSummary } from '../services/inventory/index.js';
import { requireRevalidation } from './reads.js';

export interface InventoryRouterParts {
  /** Authenticates the operator and sets it for `operatorOf`. */
  auth: RequestHandler;
  source: FreshnessSource;
  getSummary: GetSummary;
}

/** Creates the routes that summarize the fleet of the operator's organization. */
export function createInventoryRouter({ auth, source, getSummary }: InventoryRouterParts): Router {
  const router = Router();

  router.get(Paths.summary, auth, requireRevalidation, async (_req, res) => {
    res.json(await getSummary(operatorOf(res).organizationId));
  });
  router.get(Paths.images, auth, requireRevalidation, async (req, res) => {
    res.json(await listImages(source.db, operatorOf(res).organizationId, parseFields(ImageQuery, req.query)));
  });
  router.get(Paths.ports, auth, requireRevalidation, async (req, res) => {
    res.json(await listPorts(source, operatorOf(res).organizationId, parseFields(PortQuery, req.query)));
  });
  router.get(Paths.projects, auth, requireRevalidation, async (req, res) => {
    res.json(await listProjects(source, operatorOf(res).organizationId, parseFields(ProjectQuery, req.query)));
  });
  return router;
}
