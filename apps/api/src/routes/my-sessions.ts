import { Operations } from '@muster/contracts';
import { callerOf } from '../http/auth.js';
import { route, setCookies, type Route } from '../http/route.js';
import type { MySessionService, SessionService } from '../services/accounts/index.js';

/** The routes for a user's own sessions and password. */
export const mySessionRoutes = (
  mySessions: MySessionService,
  sessions: Pick<SessionService, 'clearCookies'>,
): Route[] => [
  route(Operations.listSessions, ({ caller }) => mySessions.list(caller)),
  route(Operations.endSession, ({ caller, params }) => mySessions.end(caller, params.sessionId)),
  route(Operations.endSessions, async ({ caller, req, res }) => {
    await mySessions.endAll(caller);
    setCookies(res, await sessions.clearCookies(callerOf(req)));
  }),
  route(Operations.changePassword, ({ caller, body, req }) =>
    mySessions.changePassword(caller, callerOf(req).address, body),
  ),
];
