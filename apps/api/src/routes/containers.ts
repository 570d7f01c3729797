import { ContainerQuery, DockerId, Paths } from '@muster/contracts';
import { Router, type RequestHandler } from 'express';
import { NotFoundError } from '../errors.js';
import { operatorOf } from '../http/auth.js';
import { parseFields } from '../http/body.js';
import type { ContainerReader } from '../services/inventory/index.js';
import { parseId, requireRevalidation } from './reads.js';

export interface ContainerRouterParts {
  /** Authenticates the operator and sets it for `operatorOf`. */
  auth: RequestHandler;
  containers: ContainerReader;
}

/** Creates the routes for the containers of the operator's organization. */
export function createContainerRouter({ auth, containers }: ContainerRouterParts): Router {
  const router = Router();

  router.get(Paths.containers, auth, requireRevalidation, async (req, res) => {
    res.json(await containers.list(operatorOf(res), parseFields(ContainerQuery, req.query)));
  });
  router.get(Paths.hostContainer, auth, requireRevalidation, async (req, res) => {
    const dockerId = DockerId.safeParse(req.params['dockerId']);
    if (!dockerId.success) throw new NotFoundError('container');
    res.json(await containers.get(operatorOf(res), parseId('container', req.params['hostId']), dockerId.data));
  });
  return router;
}
