import { Operations } from '@muster/contracts';
import type { Database } from '@muster/db';
import { route, type Route } from '../http/route.js';
import { createApiKey, listApiKeys, revokeApiKey } from '../services/accounts/index.js';

/** The routes for the API keys of the operator's organization. */
export const apiKeyRoutes = (db: Database, now: () => Date): Route[] => [
  route(Operations.createApiKey, ({ caller, body }) => createApiKey(db, caller, body, now())),
  route(Operations.listApiKeys, ({ caller, query }) => listApiKeys(db, caller.organizationId, query)),
  route(Operations.revokeApiKey, ({ caller, params }) => revokeApiKey(db, caller, params.apiKeyId, now())),
];
