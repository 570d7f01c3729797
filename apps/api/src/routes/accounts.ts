import { Paths, type MemberRole } from '@muster/contracts';
import type { Database } from '@muster/db';
import type { RequestHandler, Router } from 'express';
import type { Logger } from 'pino';
import { requireOperatorAuth, requireUserAuth } from '../http/auth.js';
import { refuseCrossSite } from '../http/same-origin.js';
import { createApiKeyRouter } from './api-keys.js';
import { createMemberRouter } from './members.js';
import { createSignInRouter } from './sign-in.js';
import { createMySessionRouter } from './my-sessions.js';
import {
  createBetterAuth,
  sessionCookieName,
  createFailedSignIns,
  createIdentityProvider,
  type IdentityProviderOptions,
  createInvitationService,
  createMySessionService,
  createSessionService,
  createSignInLimit,
  findOidcUser,
  createOidcSignIn,
  authenticateApiKey,
} from '../services/accounts/index.js';

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
  autoProvisionRole: MemberRole | null;
}

/** Wires accounts and API keys. Returns the operator authentication and the routers of accounts. */
export function createAccounts(db: Database, parts: AccountParts): { auth: RequestHandler; routers: Router[] } {
  const { publicUrl, secret, signInsPerMinute, oidc, logger, now, skewMs, elapsedMs } = parts;
  const limit = createSignInLimit(signInsPerMinute, elapsedMs);
  const failures = createFailedSignIns(db, { now, elapsedMs });
  const sessions = createSessionService(db, {
    auth: createBetterAuth(db, { publicUrl, secret, logger, now, skewMs }),
    cookieName: sessionCookieName(publicUrl),
    ...{ limit, failures, skewMs },
  });
  const mySessions = createMySessionService(db, { limit, failures, now, skewMs });
  const oidcSignIn =
    oidc === null
      ? null
      : {
          name: oidc.name,
          signIn: createOidcSignIn({
            provider: createIdentityProvider({ ...oidc, callbackUrl: publicUrl + Paths.oidcCallback, secret }),
            findUser: (person) => findOidcUser(db, person, oidc.autoProvisionRole, now()),
            ...{ sessions, limit, failures, publicUrl, logger },
          }),
        };

  const apiKeys = { authenticate: (token: string) => authenticateApiKey(db, token, now()) };
  const operators = { apiKeys, sessions, publicUrl };
  const auth = requireOperatorAuth(operators);
  const userAuth = requireUserAuth(operators);
  const sameOrigin = refuseCrossSite(publicUrl);
  const routers = [
    createSignInRouter({ auth, userAuth, sameOrigin, db, now, sessions, mySessions, oidcSignIn }),
    createMySessionRouter({ userAuth, mySessions, sessions }),
    createMemberRouter({
      auth,
      sameOrigin,
      db,
      now,
      invitations: createInvitationService(db, { sessions, publicUrl, now }),
    }),
    createApiKeyRouter({ auth, db, now }),
  ];
  return { auth, routers };
}
