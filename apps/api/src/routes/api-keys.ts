import { ApiKeyRequest, BODY_BYTES_MAX, PageQuery, Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import { Router, type RequestHandler } from 'express';
import { operatorOf, requireAdmin } from '../http/auth.js';
import { readBody, parseFields } from '../http/body.js';
import { createApiKey, listApiKeys, revokeApiKey } from '../services/accounts/index.js';
import { parseId, requireRevalidation } from './reads.js';

export interface ApiKeyRouterParts {
  /** Authenticates the operator and sets it for `operatorOf`. */
  auth: RequestHandler;
  db: Database;
  now: () => Date;
}

/** Creates the routes for the API keys of the operator's organization. */
export function createApiKeyRouter({ auth, db, now }: ApiKeyRouterParts): Router {
  const router = Router();

  router.post(Paths.apiKeys, auth, async (req, res) => {
    const request = await readBody(req, ApiKeyRequest, BODY_BYTES_MAX);
    res.status(201).json(await createApiKey(db, operatorOf(res), request, now()));
  });
  router.get(Paths.apiKeys, auth, requireAdmin, requireRevalidation, async (req, res) => {
    res.json(await listApiKeys(db, operatorOf(res).organizationId, parseFields(PageQuery, req.query)));
  });
  router.delete(Paths.apiKey, auth, async (req, res) => {
    await revokeApiKey(db, operatorOf(res), parseId('API key', req.params['apiKeyId']), now());
    res.status(204).end();
  });
  return router;
}
