import { z } from 'zod';
import { ApiKeyCreated, ApiKeyRequest } from '../accounts.js';
import { Id } from '../id.js';
import type { Operation } from '../operation.js';
import { ApiKeyPage } from '../pages.js';
import { Paths } from '../paths.js';
import { PageQuery } from '../queries.js';

/** The operations on API keys. */
export const ApiKeyOperations = {
  listApiKeys: {
    method: 'GET',
    path: Paths.apiKeys,
    tag: 'Accounts',
    access: 'admin',
    summary: 'List API keys',
    description:
      'Returns the organization’s API keys without their secrets, newest first, including expired and revoked ones.',
    query: PageQuery,
    answers: { 200: ApiKeyPage },
  },
  createApiKey: {
    method: 'POST',
    path: Paths.apiKeys,
    tag: 'Accounts',
    access: 'admin',
    summary: 'Create an API key',
    description:
      'Creates a key with the role `viewer` (default) or `admin`. The secret is returned only here. Fails with 400 ' +
      'if `expiresAt` is not in the future, or if the key would expire later than the API key that creates it.',
    body: ApiKeyRequest,
    answers: { 201: ApiKeyCreated },
  },
  revokeApiKey: {
    method: 'DELETE',
    path: Paths.apiKey,
    tag: 'Accounts',
    access: 'admin',
    summary: 'Revoke an API key',
    description:
      'The next call with the key fails, and its open streams and exports end within 5 seconds. The key cannot be ' +
      'restored. Revoking a revoked key succeeds. Fails with 404 if the organization has no such key.',
    resource: 'API key',
    params: z.object({ apiKeyId: Id }),
    answers: { 204: null },
  },
} as const satisfies Record<string, Operation>;
