import type { ErrorRequestHandler, Request, Response } from 'express';
import { DomainError, ForbiddenError, SnapshotDelayedError, TokenInvalidError } from '../errors.js';
import type { SessionService, UserSession } from '../services/accounts/index.js';
import type {
  AgentIdentity,
  AgentTokenService,
  EnrollmentIdentity,
  EnrollmentService,
} from '../services/enrollment/index.js';
import type { Caller, OperatorIdentity } from '../services/identity/index.js';
import { bearerToken, hasBearerToken } from './bearer.js';
import { RequestAbortedError } from './request-aborted.js';
import { requireSameOrigin } from './same-origin.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- Express types res.locals through this namespace
  namespace Express {
    interface Locals {
      agent?: AgentIdentity;
      enrollment?: EnrollmentIdentity;
      operator?: OperatorIdentity;
      userSession?: UserSession;
    }
  }
}

/**
 * Authenticates a request before its body is read, so that the server reads and stores nothing for a caller without
 * valid credentials. Also stores the identity in `res.locals`.
 * @throws TokenInvalidError without valid credentials, ForbiddenError if the credentials do not permit the call.
 */
export type Authenticate<Identity> = (req: Request, res: Response) => Promise<Identity>;

/** Authenticates an agent token. */
export const requireAgentAuth =
  (tokens: AgentTokenService): Authenticate<AgentIdentity> =>
  async (req, res) =>
    (res.locals.agent = await tokens.authenticate(bearerToken(req)));

/** Authenticates an enrollment token. */
export const requireEnrollmentAuth =
  (enrollment: EnrollmentService): Authenticate<EnrollmentIdentity> =>
  async (req, res) =>
    (res.locals.enrollment = await enrollment.authenticate(bearerToken(req)));

export interface OperatorAuthOptions {
  apiKeys: { authenticate(token: string): Promise<OperatorIdentity> };
  sessions: Pick<SessionService, 'authenticate'>;
  /** The public URL of the API. Only pages of this origin may use the session cookie. */
  publicUrl: string;
}

/** Authenticates an operator. A bearer key takes precedence over a session cookie. A viewer may only read. */
export const requireOperatorAuth =
  ({ apiKeys, ...options }: OperatorAuthOptions): Authenticate<OperatorIdentity> =>
  async (req, res) => {
    const operator = hasBearerToken(req)
      ? await apiKeys.authenticate(bearerToken(req))
      : (await findUserSession(req, res, options)).operator;
    const isRead = req.method === 'GET' || req.method === 'HEAD';
    if (!isRead && operator.role === 'viewer') throw new ForbiddenError('Viewers can only read.');
    res.locals.operator = operator;
    return operator;
  };

/** Authenticates a signed-in user, for calls that concern the user's own account. */
export const requireUserAuth =
  (options: OperatorAuthOptions): Authenticate<UserSession> =>
  async (req, res) => {
    if (hasBearerToken(req)) {
      await options.apiKeys.authenticate(bearerToken(req));
      throw new ForbiddenError('This call requires a signed-in user; API keys cannot make it.');
    }
    return findUserSession(req, res, options);
  };

async function findUserSession(
  req: Request,
  res: Response,
  { sessions, publicUrl }: Pick<OperatorAuthOptions, 'sessions' | 'publicUrl'>,
): Promise<UserSession> {
  const { value: session, cookies } = await sessions.authenticate(callerOf(req));
  // Renews the session cookie, or clears the cookie if the session has ended. When an open stream rechecks its session,
  // the headers of the response have already been sent, so no cookie can be set.
  if (!res.headersSent) for (const cookie of cookies) res.append('Set-Cookie', cookie);
  if (session === null) throw new TokenInvalidError('Sign in, or send Authorization: Bearer <API key>.');
  requireSameOrigin(req, publicUrl);
  res.locals.userSession = session;
  return session;
}

/** Requires the owner role, for managing members. API keys never have this role. @throws ForbiddenError */
export function requireOwner({ role }: OperatorIdentity): void {
  if (role !== 'owner') throw new ForbiddenError('Only owners can do this.');
}

/** Requires the admin or owner role, for data that viewers may not read. @throws ForbiddenError */
export function requireAdmin({ role }: OperatorIdentity): void {
  if (role === 'viewer') throw new ForbiddenError('Only admins and owners can read this.');
}

/** Returns the client that sent a request. */
export const callerOf = (req: Request): Caller => ({
  cookie: req.headers.cookie,
  address: req.ip ?? '',
  userAgent: req.headers['user-agent'],
});

/**
 * Records an agent's refused or aborted call, because an agent that sends invalid requests is still alive. Accepted
 * calls are recorded by their handlers. A call that failed because the database is down cannot be recorded.
 */
export const recordRefusedCalls =
  (tokens: AgentTokenService): ErrorRequestHandler =>
  async (thrown: unknown, _req, res, next) => {
    const { agent } = res.locals;
    const refused = thrown instanceof DomainError ? isRecorded(thrown) : thrown instanceof RequestAbortedError;
    if (agent !== undefined && refused) {
      // If recording fails, the response must still state why the call was refused.
      await tokens.recordCall(agent).catch(() => undefined);
    }
    next(thrown);
  };

const isRecorded = (error: DomainError) =>
  error instanceof SnapshotDelayedError ? error.updatesLastSeen : !UNRECORDED_CALL_ERROR_CODES.has(error.code);

/**
 * Errors after which a call is not recorded. Calls above the rate limit are not recorded, because recording them would
 * cost as much as the rate limit saves.
 */
const UNRECORDED_CALL_ERROR_CODES: ReadonlySet<DomainError['code']> = new Set([
  'unavailable',
  'host_deleted',
  'rate_limited',
]);
