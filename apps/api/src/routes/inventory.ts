import { ImageQuery, Paths, PortQuery, ProjectQuery } from '@muster/contracts';
import { Router, type RequestHandler } from 'express';
import { operatorOf } from '../http/auth.js';
import { parseFields } from '../http/body.js';
import type { ImageReader, PortReader, ProjectReader, SummaryReader } from '../services/inventory/index.js';
import { requireRevalidation } from './reads.js';

export interface InventoryRouterParts {
  /** Authenticates the operator and sets it for `operatorOf`. */
  auth: RequestHandler;
  summaries: SummaryReader;
  images: ImageReader;
  ports: PortReader;
  projects: ProjectReader;
}

/** Creates the routes that summarize the fleet of the operator's organization. */
export function createInventoryRouter({ auth, summaries, images, ports, projects }: InventoryRouterParts): Router {
  const router = Router();

  router.get(Paths.summary, auth, requireRevalidation, async (_req, res) => {
    res.json(await summaries.read(operatorOf(res).organizationId));
  });
  router.get(Paths.images, auth, requireRevalidation, async (req, res) => {
    res.json(await images.list(operatorOf(res), parseFields(ImageQuery, req.query)));
  });
  router.get(Paths.ports, auth, requireRevalidation, async (req, res) => {
    res.json(await ports.list(operatorOf(res), parseFields(PortQuery, req.query)));
  });
  router.get(Paths.projects, auth, requireRevalidation, async (req, res) => {
    res.json(await projects.list(operatorOf(res), parseFields(ProjectQuery, req.query)));
  });
  return router;
}
