import {
  BODY_BYTES_MAX,
  OidcCallbackQuery,
  OidcSignInQuery,
  Paths,
  SetupRequest,
  SignInRequest,
  type SignInOptions,
} from '@muster/contracts';
import { Router, type RequestHandler, type Response } from 'express';
import { NotFoundError } from '../errors.js';
import { operatorOf, userSessionOf } from '../http/auth.js';
import { readBody, readFields } from '../http/body.js';
import { callerOf } from '../http/caller.js';
import type { OwnSessionService } from '../services/accounts/own-sessions.js';
import type { SessionService, WithCookies } from '../services/accounts/sessions.js';
import type { SetupService } from '../services/accounts/setup.js';
import type { Onward, VouchedSignInService } from '../services/accounts/oidc-sign-in.js';

export interface SessionRouterParts {
  /** Finds the operator, for `operatorOf`. */
  auth: RequestHandler;
  /** Finds the person who is signed in, for `userSessionOf`. */
  userAuth: RequestHandler;
  /** Stands before what sets a cookie without having one. */
  ownPages: RequestHandler;
  sessions: SessionService;
  ownSessions: Pick<OwnSessionService, 'end'>;
  setup: SetupService;
  /** Signing in at an identity provider, and what people know that by; null where there is none. */
  vouched: { name: string; signIn: VouchedSignInService } | null;
}

/** Signing in and out. */
export function createSessionRouter({ auth, userAuth, ownPages, ...parts }: SessionRouterParts): Router {
  const router = Router();
  const { sessions, ownSessions, setup, vouched } = parts;

  router.get(Paths.signInOptions, async (_req, res) => {
    const oidc = vouched === null ? null : { name: vouched.name, startPath: Paths.oidcSignIn };
    const options: SignInOptions = { setupRequired: await setup.isRequired(), oidc };
    res.json(options);
  });
  router.get(Paths.oidcSignIn, async (req, res) => {
    const { next = '/' } = readFields(OidcSignInQuery, req.query);
    goOn(res, await providerOf(vouched).start(callerOf(req), next));
  });
  router.get(Paths.oidcCallback, async (req, res) => {
    readFields(OidcCallbackQuery, req.query);
    // As it was sent: what else the provider says is its own.
    const { search } = new URL(req.url, 'http://localhost');
    goOn(res, await providerOf(vouched).finish(callerOf(req), search));
  });
  router.post(Paths.setup, ownPages, async (req, res) => {
    const request = await readBody(req, SetupRequest, BODY_BYTES_MAX);
    res.status(201).json(withCookies(res, await setup.setUp(callerOf(req), request)));
  });
  router.post(Paths.session, ownPages, async (req, res) => {
    const request = await readBody(req, SignInRequest, BODY_BYTES_MAX);
    res.status(201).json(withCookies(res, await sessions.signIn(callerOf(req), request)));
  });
  router.get(Paths.session, auth, async (_req, res) => {
    res.json(await sessions.describe(operatorOf(res), res.locals.userSession ?? null));
  });
  router.delete(Paths.session, userAuth, async (req, res) => {
    await ownSessions.end(userSessionOf(res), userSessionOf(res).id);
    setCookies(res, await sessions.farewell(callerOf(req)));
    res.status(204).end();
  });
  return router;
}

/** @throws NotFoundError where there is none. */
function providerOf(vouched: SessionRouterParts['vouched']): VouchedSignInService {
  if (vouched === null) throw new NotFoundError('identity provider');
  return vouched.signIn;
}

function goOn(res: Response, { location, cookies }: Onward): void {
  setCookies(res, cookies);
  res.status(303).set('Location', location).end();
}

/** Puts cookies on their way with an answer. */
export function setCookies(res: Response, cookies: readonly string[]): void {
  for (const cookie of cookies) res.append('Set-Cookie', cookie);
}

/** The same, and gives back what the answer says. */
export function withCookies<T>(res: Response, { value, cookies }: WithCookies<T>): T {
  setCookies(res, cookies);
  return value;
}
