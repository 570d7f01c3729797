import {
  BODY_BYTES_MAX,
  OidcCallbackQuery,
  OidcSignInQuery,
  Paths,
  SetupRequest,
  SignInRequest,
  type SignInOptions,
} from '@muster/contracts';
import type { Database } from '@muster/db';
import { Router, type RequestHandler, type Response } from 'express';
import { NotFoundError } from '../errors.js';
import { operatorOf, userSessionOf } from '../http/auth.js';
import { readBody, parseFields } from '../http/body.js';
import { callerOf } from '../http/caller.js';
import {
  getSession,
  isSetupRequired,
  setUp,
  type MySessionService,
  type OidcSignInService,
  type Redirect,
  type SessionService,
  type WithCookies,
} from '../services/accounts/index.js';

export interface SignInRouterParts {
  /** Authenticates the operator and sets it for `operatorOf`. */
  auth: RequestHandler;
  /** Authenticates a signed-in user and sets it for `userSessionOf`. */
  userAuth: RequestHandler;
  /** Refuses other sites, for calls that set a cookie but need none. */
  sameOrigin: RequestHandler;
  db: Database;
  now: () => Date;
  sessions: SessionService;
  mySessions: Pick<MySessionService, 'end'>;
  /** Sign-in with an identity provider, and the provider's display name; null: none is configured. */
  oidcSignIn: { name: string; signIn: OidcSignInService } | null;
}

/** Creates the routes for setup, signing in and signing out. */
export function createSignInRouter({ auth, userAuth, sameOrigin, ...parts }: SignInRouterParts): Router {
  const router = Router();
  const { db, sessions, mySessions, oidcSignIn } = parts;

  router.get(Paths.signInOptions, async (_req, res) => {
    const oidc = oidcSignIn === null ? null : { name: oidcSignIn.name, startPath: Paths.oidcSignIn };
    const options: SignInOptions = { setupRequired: await isSetupRequired(db), oidc };
    res.json(options);
  });
  router.get(Paths.oidcSignIn, async (req, res) => {
    const { next = '/' } = parseFields(OidcSignInQuery, req.query);
    redirect(res, await requireProvider(oidcSignIn).start(callerOf(req), next));
  });
  router.get(Paths.oidcCallback, async (req, res) => {
    parseFields(OidcCallbackQuery, req.query);
    // The query is passed on as received, because providers add parameters of their own.
    const { search } = new URL(req.url, 'http://localhost');
    redirect(res, await requireProvider(oidcSignIn).finish(callerOf(req), search));
  });
  router.post(Paths.setup, sameOrigin, async (req, res) => {
    const request = await readBody(req, SetupRequest, BODY_BYTES_MAX);
    res.status(201).json(withCookies(res, await setUp(parts, callerOf(req), request)));
  });
  router.post(Paths.session, sameOrigin, async (req, res) => {
    const request = await readBody(req, SignInRequest, BODY_BYTES_MAX);
    res.status(201).json(withCookies(res, await sessions.signIn(callerOf(req), request)));
  });
  router.get(Paths.session, auth, async (_req, res) => {
    res.json(await getSession(db, operatorOf(res), res.locals.userSession ?? null));
  });
  router.delete(Paths.session, userAuth, async (req, res) => {
    await mySessions.end(userSessionOf(res), userSessionOf(res).id);
    setCookies(res, await sessions.clearCookies(callerOf(req)));
    res.status(204).end();
  });
  return router;
}

/** @throws NotFoundError if no identity provider is configured. */
function requireProvider(oidcSignIn: SignInRouterParts['oidcSignIn']): OidcSignInService {
  if (oidcSignIn === null) throw new NotFoundError('identity provider');
  return oidcSignIn.signIn;
}

function redirect(res: Response, { location, cookies }: Redirect): void {
  setCookies(res, cookies);
  res.status(303).set('Location', location).end();
}

/** Adds cookies to an answer. */
export function setCookies(res: Response, cookies: readonly string[]): void {
  for (const cookie of cookies) res.append('Set-Cookie', cookie);
}

/** Adds the cookies to an answer and returns the value. */
export function withCookies<T>(res: Response, { value, cookies }: WithCookies<T>): T {
  setCookies(res, cookies);
  return value;
}
