import { BODY_BYTES_MAX, PasswordChange, Paths } from '@muster/contracts';
import { Router, type RequestHandler } from 'express';
import { userSessionOf } from '../http/auth.js';
import { readBody } from '../http/body.js';
import { callerOf } from '../http/caller.js';
import type { OwnSessionService, SessionService } from '../services/accounts/index.js';
import { idFrom, revalidated } from './reads.js';
import { setCookies } from './session.js';

export interface OwnSessionRouterParts {
  /** Authenticates a signed-in user and sets it for `userSessionOf`. */
  userAuth: RequestHandler;
  ownSessions: OwnSessionService;
  sessions: Pick<SessionService, 'farewell'>;
}

/** Creates the routes for a user's own sessions and password. */
export function createOwnSessionRouter({ userAuth, ownSessions, sessions }: OwnSessionRouterParts): Router {
  const router = Router();

  router.get(Paths.sessions, userAuth, revalidated, async (_req, res) => {
    res.json(await ownSessions.list(userSessionOf(res)));
  });
  router.delete(Paths.sessionItem, userAuth, async (req, res) => {
    await ownSessions.end(userSessionOf(res), idFrom('session', req.params['sessionId']));
    res.status(204).end();
  });
  router.delete(Paths.sessions, userAuth, async (req, res) => {
    await ownSessions.endAll(userSessionOf(res));
    setCookies(res, await sessions.farewell(callerOf(req)));
    res.status(204).end();
  });
  router.put(Paths.password, userAuth, async (req, res) => {
    const change = await readBody(req, PasswordChange, BODY_BYTES_MAX);
    await ownSessions.changePassword(userSessionOf(res), callerOf(req).address, change);
    res.status(204).end();
  });
  return router;
}
