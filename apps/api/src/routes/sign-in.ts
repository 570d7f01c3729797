import { Operations, Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import { NotFoundError } from '../errors.js';
import { callerOf } from '../http/auth.js';
import { route, setCookies, type Route } from '../http/route.js';
import { basePathOf } from '../lib/base-path.js';
import {
  getSession,
  isSetupRequired,
  setUp,
  type MySessionService,
  type OidcSignInService,
  type SessionService,
} from '../services/accounts/index.js';

export interface SignInRouteOptions {
  db: Database;
  now: () => Date;
  sessions: SessionService;
  mySessions: Pick<MySessionService, 'end'>;
  /** The sign-in with an identity provider, and the provider's display name; null if no provider is configured. */
  oidcSignIn: { name: string; signIn: OidcSignInService } | null;
  publicUrl: string;
}

/** The routes for setting up Muster, signing in and signing out. */
export function signInRoutes(options: SignInRouteOptions): Route[] {
  const { db, sessions, mySessions, oidcSignIn, publicUrl } = options;
  const oidcPath = basePathOf(publicUrl) + Paths.oidcSignIn;
  return [
    route(Operations.getSignInOptions, async () => {
      const oidc = oidcSignIn === null ? null : { name: oidcSignIn.name, startPath: oidcPath };
      return { setupRequired: await isSetupRequired(db), oidc };
    }),
    route(Operations.startOidcSignIn, ({ caller, query: { next = '/' } }) =>
      requireProvider(oidcSignIn).start(caller, next),
    ),
    route(Operations.finishOidcSignIn, ({ caller, req }) => {
      // The query is passed on as received, because providers add further parameters.
      const { search } = new URL(req.url, 'http://localhost');
      return requireProvider(oidcSignIn).finish(caller, search);
    }),
    route(Operations.setUp, ({ caller, body }) => setUp(options, caller, body)),
    route(Operations.signIn, ({ caller, body }) => sessions.signIn(caller, body)),
    route(Operations.getSession, ({ caller, res }) => getSession(db, caller, res.locals.userSession ?? null)),
    route(Operations.signOut, async ({ caller, req, res }) => {
      await mySessions.end(caller, caller.id);
      setCookies(res, await sessions.clearCookies(callerOf(req)));
    }),
  ];
}

/** @throws NotFoundError if no identity provider is configured. */
function requireProvider(oidcSignIn: SignInRouteOptions['oidcSignIn']): OidcSignInService {
  if (oidcSignIn === null) throw new NotFoundError('identity provider');
  return oidcSignIn.signIn;
}
