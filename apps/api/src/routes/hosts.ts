import { BODY_BYTES_MAX, HostPatch, HostQuery, Paths } from '@muster/contracts';
import { Router, type RequestHandler } from 'express';
import { operatorOf } from '../http/auth.js';
import { readBody, parseFields } from '../http/body.js';
import type { FreshnessSource } from '../services/freshness/index.js';
import { getHost, listHosts } from '../services/inventory/index.js';
import type { HostService } from '../services/hosts/index.js';
import { parseId, requireRevalidation } from './reads.js';

export interface HostRouterParts {
  /** Authenticates the operator and sets it for `operatorOf`. */
  auth: RequestHandler;
  source: FreshnessSource;
  hosts: HostService;
}

/** Creates the routes for the hosts of the operator's organization. */
export function createHostRouter({ auth, source, hosts }: HostRouterParts): Router {
  const router = Router();

  router.get(Paths.hosts, auth, requireRevalidation, async (req, res) => {
    res.json(await listHosts(source, operatorOf(res).organizationId, parseFields(HostQuery, req.query)));
  });
  router.get(Paths.host, auth, requireRevalidation, async (req, res) => {
    const hostId = parseId('host', req.params['hostId']);
    res.json(await getHost(source, operatorOf(res).organizationId, hostId));
  });
  router.patch(Paths.host, auth, async (req, res) => {
    const patch = await readBody(req, HostPatch, BODY_BYTES_MAX);
    res.json(await hosts.rename(operatorOf(res), parseId('host', req.params['hostId']), patch));
  });
  router.post(Paths.hostToken, auth, async (req, res) => {
    res.status(201).json(await hosts.rotateToken(operatorOf(res), parseId('host', req.params['hostId'])));
  });
  router.delete(Paths.host, auth, async (req, res) => {
    await hosts.delete(operatorOf(res), parseId('host', req.params['hostId']));
    res.status(204).end();
  });
  return router;
}
