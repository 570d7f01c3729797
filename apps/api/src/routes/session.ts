import { BODY_BYTES_MAX, Paths, SetupRequest, SignInRequest, type SignInOptions } from '@muster/contracts';
import { Router, type RequestHandler, type Response } from 'express';
import { operatorOf, userSessionOf } from '../middleware/auth.js';
import { readBody } from '../middleware/body.js';
import { callerOf } from '../middleware/caller.js';
import type { SessionService, WithCookies } from '../services/accounts/sessions.js';
import type { SetupService } from '../services/accounts/setup.js';

export interface SessionRouterParts {
  /** Finds the operator, for `operatorOf`. */
  auth: RequestHandler;
  /** Finds the person who is signed in, for `userSessionOf`. */
  userAuth: RequestHandler;
  /** Stands before what sets a cookie without having one. */
  ownPages: RequestHandler;
  sessions: SessionService;
  setup: SetupService;
}

/** Signing in and out. */
export function createSessionRouter({ auth, userAuth, ownPages, sessions, setup }: SessionRouterParts): Router {
  const router = Router();

  router.get(Paths.signInOptions, async (_req, res) => {
    const options: SignInOptions = { setupRequired: await setup.isRequired(), oidc: null };
    res.json(options);
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
    withCookies(res, await sessions.signOut(callerOf(req), userSessionOf(res)));
    res.status(204).end();
  });
  return router;
}

/** Puts cookies on their way, and gives the rest back. */
function withCookies<T>(res: Response, { value, cookies }: WithCookies<T>): T {
  for (const cookie of cookies) res.append('Set-Cookie', cookie);
  return value;
}
