import { BODY_BYTES_MAX, PasswordChange, Paths } from '@muster/contracts';
import { Router, type RequestHandler } from 'express';
import { userSessionOf } from '../http/auth.js';
import { readBody } from '../http/body.js';
import { callerOf } from '../http/caller.js';
import type { MySessionService, SessionService } from '../services/accounts/index.js';
import { parseId, requireRevalidation } from './reads.js';
import { setCookies } from './sign-in.js';

export interface MySessionRouterParts {
  /** Authenticates a signed-in user and sets it for `userSessionOf`. */
  userAuth: RequestHandler;
  mySessions: MySessionService;
  sessions: Pick<SessionService, 'clearCookies'>;
}

/** Creates the routes for a user's own sessions and password. */
export function createMySessionRouter({ userAuth, mySessions, sessions }: MySessionRouterParts): Router {
  const router = Router();

  router.get(Paths.sessions, userAuth, requireRevalidation, async (_req, res) => {
    res.json(await mySessions.list(userSessionOf(res)));
  });
  router.delete(Paths.sessionItem, userAuth, async (req, res) => {
    await mySessions.end(userSessionOf(res), parseId('session', req.params['sessionId']));
    res.status(204).end();
  });
  router.delete(Paths.sessions, userAuth, async (req, res) => {
    await mySessions.endAll(userSessionOf(res));
    setCookies(res, await sessions.clearCookies(callerOf(req)));
    res.status(204).end();
  });
  router.put(Paths.password, userAuth, async (req, res) => {
    const change = await readBody(req, PasswordChange, BODY_BYTES_MAX);
    await mySessions.changePassword(userSessionOf(res), callerOf(req).address, change);
    res.status(204).end();
  });
  return router;
}
