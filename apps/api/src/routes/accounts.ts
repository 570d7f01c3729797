import { Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import type { Logger } from 'pino';
import {
  callerOf,
  requireAdmin,
  requireOperatorAuth,
  requireOwner,
  requireUserAuth,
  type Authenticate,
} from '../http/auth.js';
import type { Guard, Guards, Route } from '../http/route.js';
import { refuseCrossSite } from '../http/same-origin.js';
import { apiKeyRoutes } from './api-keys.js';
import { memberRoutes } from './members.js';
import { signInRoutes } from './sign-in.js';
import { mySessionRoutes } from './my-sessions.js';
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
  type OidcPolicy,
  createOidcSignIn,
  authenticateApiKey,
} from '../services/accounts/index.js';
import type { OperatorIdentity } from '../services/identity/index.js';

export interface AccountRouteOptions {
  publicUrl: string;
  secret: string;
  signInsPerMinute: number;
  /** The OpenID Connect provider; null: users sign in with passwords only. */
  oidc: OidcOptions | null;
  logger: Logger;
  now: () => Date;
  /** Returns the milliseconds by which this process's wall clock is ahead of `now`. */
  skewMs: () => number;
  elapsedMs: () => number;
}

/** Settings of the OpenID Connect provider. */
export interface OidcOptions extends Omit<IdentityProviderOptions, 'callbackUrl' | 'secret'>, OidcPolicy {
  /** The display name of the provider. */
  name: string;
}

export interface AccountRouting {
  /** Authenticates operators. */
  auth: Authenticate<OperatorIdentity>;
  guards: Pick<Guards, 'public' | 'viewer' | 'admin' | 'owner' | 'user'>;
  routes: Route[];
}

/** Creates the authentication, guards and routes of accounts and API keys. */
export function createAccountRouting(db: Database, options: AccountRouteOptions): AccountRouting {
  const { publicUrl, secret, signInsPerMinute, oidc, logger, now, skewMs, elapsedMs } = options;
  const limit = createSignInLimit(signInsPerMinute, elapsedMs);
  const failures = createFailedSignIns(db, { now, elapsedMs });
  const sessions = createSessionService(db, {
    auth: createBetterAuth(db, { publicUrl, secret, logger, now, skewMs }),
    cookieName: sessionCookieName(publicUrl),
    limit,
    failures,
    skewMs,
  });
  const mySessions = createMySessionService(db, { limit, failures, now, skewMs });
  const oidcSignIn =
    oidc === null
      ? null
      : {
          name: oidc.name,
          signIn: createOidcSignIn({
            provider: createIdentityProvider({ ...oidc, callbackUrl: publicUrl + Paths.oidcCallback, secret }),
            findUser: (person) => findOidcUser(db, person, oidc, now()),
            sessions,
            limit,
            failures,
            publicUrl,
            logger,
          }),
        };

  const apiKeys = { authenticate: (token: string) => authenticateApiKey(db, token, now()) };
  const operators = { apiKeys, sessions, publicUrl };
  const auth = requireOperatorAuth(operators);
  const userAuth = requireUserAuth(operators);
  const operatorGuard =
    (requireRole: (operator: OperatorIdentity) => void): (() => Guard<OperatorIdentity>) =>
    () =>
    async (req, res, proceed) => {
      const operator = await auth(req, res);
      requireRole(operator);
      await proceed(operator);
    };

  return {
    auth,
    guards: {
      public: ({ method, opensSession }) => {
        const isFromOwnPages = opensSession === true && method !== 'GET';
        return async (req, _res, proceed) => {
          if (isFromOwnPages) refuseCrossSite(req, publicUrl);
          await proceed(callerOf(req));
        };
      },
      viewer: operatorGuard(() => undefined),
      admin: operatorGuard(requireAdmin),
      owner: operatorGuard(requireOwner),
      user: () => async (req, res, proceed) => proceed(await userAuth(req, res)),
    },
    routes: [
      ...signInRoutes({ db, now, sessions, mySessions, oidcSignIn, publicUrl }),
      ...mySessionRoutes(mySessions, sessions),
      ...memberRoutes(db, createInvitationService(db, { sessions, publicUrl, now }), now),
      ...apiKeyRoutes(db, now),
    ],
  };
}
