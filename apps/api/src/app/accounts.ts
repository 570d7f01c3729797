import type { Database } from '@muster/db';
import type { RequestHandler, Router } from 'express';
import type { Logger } from 'pino';
import { requireOperatorAuth, requireUserAuth } from '../middleware/auth.js';
import { refuseOtherSites } from '../middleware/same-origin.js';
import { createApiKeyRouter } from '../routes/api-keys.js';
import { createMemberRouter } from '../routes/members.js';
import { createSessionRouter } from '../routes/session.js';
import { createOwnSessionRouter } from '../routes/sessions.js';
import { createBetterAuth, sessionCookieName } from '../services/accounts/better-auth.js';
import { createInvitationService } from '../services/accounts/invitations.js';
import { createMemberService } from '../services/accounts/members.js';
import { createOwnSessionService } from '../services/accounts/own-sessions.js';
import { createSessionService } from '../services/accounts/sessions.js';
import { createSetupTokens } from '../services/accounts/setup-tokens.js';
import { createSetupService } from '../services/accounts/setup.js';
import { createSignInLimit } from '../services/accounts/sign-in-limit.js';
import { createApiKeyManagement } from '../services/api-key-management.js';
import { createApiKeyService } from '../services/api-key.js';

export interface AccountParts {
  publicUrl: string;
  secret: string;
  signInsPerMinute: number;
  logger: Logger;
  now: () => Date;
  elapsedMs: () => number;
}

/** Wires people and keys: what finds the operator of a call, and the routers of accounts. */
export function wireAccounts(db: Database, parts: AccountParts): { auth: RequestHandler; routers: Router[] } {
  const { publicUrl, secret, signInsPerMinute, logger, now, elapsedMs } = parts;
  const limit = createSignInLimit(signInsPerMinute, elapsedMs);
  const sessions = createSessionService(db, {
    auth: createBetterAuth(db, { publicUrl, secret, logger, now }),
    cookieName: sessionCookieName(publicUrl),
    limit,
  });
  const ownSessions = createOwnSessionService(db, { limit, now });
  const setup = createSetupService(db, { sessions, setupTokens: createSetupTokens(db, { now }), now });

  const operators = { apiKeys: createApiKeyService(db, { now }), sessions, publicUrl };
  const auth = requireOperatorAuth(operators);
  const userAuth = requireUserAuth(operators);
  const ownPages = refuseOtherSites(publicUrl);
  const routers = [
    createSessionRouter({ auth, userAuth, ownPages, sessions, ownSessions, setup }),
    createOwnSessionRouter({ userAuth, ownSessions, sessions }),
    createMemberRouter({
      ...{ auth, ownPages, members: createMemberService(db, { now }) },
      invitations: createInvitationService(db, { sessions, publicUrl, now }),
    }),
    createApiKeyRouter({ auth, apiKeys: createApiKeyManagement(db, { now }) }),
  ];
  return { auth, routers };
}
