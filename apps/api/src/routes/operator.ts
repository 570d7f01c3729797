import {
  AuditQuery,
  BODY_BYTES_MAX,
  ContainerQuery,
  DockerId,
  EnrollmentTokenQuery,
  EnrollmentTokenRequest,
  EventQuery,
  HostPatch,
  HostQuery,
  Paths,
} from '@muster/contracts';
import { Router, type RequestHandler } from 'express';
import { z } from 'zod';
import { NotFoundError } from '../errors.js';
import { operatorOf, requireAdmin, requireOperatorAuth } from '../middleware/auth.js';
import { readBody, readFields } from '../middleware/body.js';
import type { ApiKeyService } from '../services/api-key.js';
import type { AuditReader } from '../services/audit-reader.js';
import type { ContainerReader } from '../services/container-reader.js';
import type { EnrollmentTokenService } from '../services/enrollment-token.js';
import type { EventReader } from '../services/event-reader.js';
import type { HostService } from '../services/host.js';

export interface OperatorRouterParts {
  apiKeys: ApiKeyService;
  audit: AuditReader;
  containers: ContainerReader;
  enrollmentTokens: EnrollmentTokenService;
  events: EventReader;
  hosts: HostService;
}

/** What people and their programs call. Every answer is scoped to the organization of the key. */
export function createOperatorRouter(parts: OperatorRouterParts): Router {
  const { apiKeys, audit, containers, enrollmentTokens, events, hosts } = parts;
  const router = Router();
  const auth = requireOperatorAuth(apiKeys);

  router.post(Paths.enrollmentTokens, auth, async (req, res) => {
    const request = await readBody(req, EnrollmentTokenRequest, BODY_BYTES_MAX);
    res.status(201).json(await enrollmentTokens.create(operatorOf(res), request));
  });
  router.get(Paths.enrollmentTokens, auth, revalidated, async (req, res) => {
    const query = readFields(EnrollmentTokenQuery, req.query);
    res.json(await enrollmentTokens.list(operatorOf(res), query));
  });
  router.delete(Paths.enrollmentToken, auth, async (req, res) => {
    await enrollmentTokens.revoke(operatorOf(res), id('enrollment token', req.params['enrollmentTokenId']));
    res.status(204).end();
  });

  router.get(Paths.hosts, auth, revalidated, async (req, res) => {
    res.json(await hosts.list(operatorOf(res), readFields(HostQuery, req.query)));
  });
  router.get(Paths.host, auth, revalidated, async (req, res) => {
    res.json(await hosts.get(operatorOf(res), id('host', req.params['hostId'])));
  });
  router.patch(Paths.host, auth, async (req, res) => {
    const patch = await readBody(req, HostPatch, BODY_BYTES_MAX);
    res.json(await hosts.rename(operatorOf(res), id('host', req.params['hostId']), patch));
  });
  router.delete(Paths.host, auth, async (req, res) => {
    await hosts.delete(operatorOf(res), id('host', req.params['hostId']));
    res.status(204).end();
  });
  router.get(Paths.hostContainer, auth, revalidated, async (req, res) => {
    const dockerId = DockerId.safeParse(req.params['dockerId']);
    if (!dockerId.success) throw new NotFoundError('container');
    res.json(await containers.get(operatorOf(res), id('container', req.params['hostId']), dockerId.data));
  });

  router.get(Paths.containers, auth, revalidated, async (req, res) => {
    res.json(await containers.list(operatorOf(res), readFields(ContainerQuery, req.query)));
  });
  router.get(Paths.events, auth, revalidated, async (req, res) => {
    res.json(await events.list(operatorOf(res), readFields(EventQuery, req.query)));
  });
  router.get(Paths.audit, auth, requireAdmin, revalidated, async (req, res) => {
    res.json(await audit.list(operatorOf(res), readFields(AuditQuery, req.query)));
  });
  return router;
}

/** A read may be kept by its caller, but must be asked for again: its ETag tells whether it still holds. */
const revalidated: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'private, no-cache');
  next();
};

/** An id from a path. One that cannot be an id belongs to nothing. */
function id(what: string, value: unknown): string {
  const parsed = z.guid().safeParse(value);
  if (!parsed.success) throw new NotFoundError(what);
  return parsed.data.toLowerCase();
}
