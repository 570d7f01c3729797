import { Paths, type MemberRole } from '@muster/contracts';
import type { Database } from '@muster/db';
import type { RequestHandler, Router } from 'express';
import type { Logger } from 'pino';
import { requireOperatorAuth, requireUserAuth } from '../http/auth.js';
import { refuseOtherSites } from '../http/same-origin.js';
import { createApiKeyRouter } from './api-keys.js';
import { createMemberRouter } from './members.js';
import { createSessionRouter } from './session.js';
import { createOwnSessionRouter } from './sessions.js';
import { createBetterAuth, sessionCookieName } from '../services/accounts/better-auth.js';
import { createFailedSignIns } from '../services/accounts/failed-sign-ins.js';
import { createIdentityProvider, type IdentityProviderOptions } from '../services/accounts/identity-provider.js';
import { createInvitationService } from '../services/accounts/invitations.js';
import { createMemberService } from '../services/accounts/members.js';
import { createOwnSessionService } from '../services/accounts/own-sessions.js';
import { createSessionService } from '../services/accounts/sessions.js';
import { createSetupTokens } from '../services/accounts/setup-tokens.js';
import { createSetupService } from '../services/accounts/setup.js';
import { createSignInLimit } from '../services/accounts/sign-in-limit.js';
import { createVouchedPeople } from '../services/accounts/oidc-users.js';
import { createVouchedSignIn } from '../services/accounts/oidc-sign-in.js';
import { createApiKeyManagement } from '../services/accounts/api-keys.js';
import { createApiKeyService } from '../services/accounts/api-key-authentication.js';

export interface AccountParts {
  publicUrl: string;
  secret: string;
  signInsPerMinute: number;
  /** The OpenID Connect provider; null: users sign in with passwords only. */
  oidc: OidcOptions | null;
  logger: Logger;
  now: () => Date;
  /** Milliseconds by which this process's wall clock is ahead of `now`. */
  skewMs: () => number;
  elapsedMs: () => number;
}

/** Settings of the OpenID Connect provider. */
export interface OidcOptions extends Pick<IdentityProviderOptions, 'issuer' | 'clientId' | 'clientSecret'> {
  /** Display name of the provider. */
  name: string;
  /** Role of users who sign in without an invitation; null: they are refused. */
  strangerRole: MemberRole | null;
}

/** Wires accounts and API keys. Returns the operator authentication and the routers of accounts. */
export function wireAccounts(db: Database, parts: AccountParts): { auth: RequestHandler; routers: Router[] } {
  const { publicUrl, secret, signInsPerMinute, oidc, logger, now, skewMs, elapsedMs } = parts;
  const limit = createSignInLimit(signInsPerMinute, elapsedMs);
  const failures = createFailedSignIns(db, { now, elapsedMs });
  const sessions = createSessionService(db, {
    auth: createBetterAuth(db, { publicUrl, secret, logger, now, skewMs }),
    cookieName: sessionCookieName(publicUrl),
    ...{ limit, failures, skewMs },
  });
  const ownSessions = createOwnSessionService(db, { limit, failures, now, skewMs });
  const vouched =
    oidc === null
      ? null
      : {
          name: oidc.name,
          signIn: createVouchedSignIn({
            provider: createIdentityProvider({ ...oidc, callbackUrl: publicUrl + Paths.oidcCallback, secret }),
            userOf: createVouchedPeople(db, { strangerRole: oidc.strangerRole, now }),
            ...{ sessions, limit, failures, publicUrl, logger },
          }),
        };
  const setup = createSetupService(db, { sessions, setupTokens: createSetupTokens(db, { now }), now });

  const operators = { apiKeys: createApiKeyService(db, { now }), sessions, publicUrl };
  const auth = requireOperatorAuth(operators);
  const userAuth = requireUserAuth(operators);
  const ownPages = refuseOtherSites(publicUrl);
  const routers = [
    createSessionRouter({ auth, userAuth, ownPages, sessions, ownSessions, setup, vouched }),
    createOwnSessionRouter({ userAuth, ownSessions, sessions }),
    createMemberRouter({
      ...{ auth, ownPages, members: createMemberService(db, { now }) },
      invitations: createInvitationService(db, { sessions, publicUrl, now }),
    }),
    createApiKeyRouter({ auth, apiKeys: createApiKeyManagement(db, { now }) }),
  ];
  return { auth, routers };
}
