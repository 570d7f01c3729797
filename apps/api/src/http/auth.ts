import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { DomainError, ForbiddenError, SnapshotDelayedError, TokenInvalidError } from '../errors.js';
import type { SessionService, UserSession } from '../services/accounts/sessions.js';
import type { AgentIdentity } from '../services/enrollment/agent-token-cache.js';
import type { AgentTokenService } from '../services/enrollment/agent-token.js';
import type { OperatorIdentity } from '../services/accounts/operator-identity.js';
import type { ApiKeyService } from '../services/accounts/api-key-authentication.js';
import type { EnrollmentIdentity, EnrollmentService } from '../services/enrollment/enrollment.js';
import { bearerToken, bearsToken } from './bearer.js';
import { callerOf } from './caller.js';
import { RequestAbortedError } from './request-aborted.js';
import { requireOwnPage } from './same-origin.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- Express's own way of typing what a middleware leaves
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
 * The middlewares that let a request in. They run before a body is read, so that nobody without a token makes the
 * server read or keep anything.
 */

/** Finds the host of the agent token, for `agentOf`. */
export const requireAgentAuth =
  (tokens: AgentTokenService): RequestHandler =>
  async (req, res, next) => {
    res.locals.agent = await tokens.authenticate(bearerToken(req));
    next();
  };

/** Finds the enrollment token, for `enrollmentOf`. */
export const requireEnrollmentAuth =
  (enrollment: EnrollmentService): RequestHandler =>
  async (req, res, next) => {
    res.locals.enrollment = await enrollment.authenticate(bearerToken(req));
    next();
  };

export interface OperatorAuthParts {
  apiKeys: Pick<ApiKeyService, 'authenticate'>;
  sessions: Pick<SessionService, 'authenticate'>;
  /** Where browsers reach us: a page from there may act by its cookie. */
  publicUrl: string;
}

/**
 * Finds the operator, for `operatorOf`: a program by the key that it bears, which goes first, or a person by their
 * session's cookie. A viewer reads, and only an admin or owner does anything else.
 */
export const requireOperatorAuth =
  ({ apiKeys, ...parts }: OperatorAuthParts): RequestHandler =>
  async (req, res, next) => {
    const operator = bearsToken(req)
      ? await apiKeys.authenticate(bearerToken(req))
      : (await findUserSession(req, res, parts)).operator;
    const reads = req.method === 'GET' || req.method === 'HEAD';
    if (!reads && operator.role === 'viewer') throw new ForbiddenError('A viewer may read only.');
    res.locals.operator = operator;
    next();
  };

/** Finds the person who is signed in, for `userSessionOf`: for what everybody may do with what is their own. */
export const requireUserAuth =
  (parts: OperatorAuthParts): RequestHandler =>
  async (req, res, next) => {
    if (bearsToken(req)) {
      await parts.apiKeys.authenticate(bearerToken(req));
      throw new ForbiddenError('This is for people who are signed in, not for keys.');
    }
    await findUserSession(req, res, parts);
    next();
  };

async function findUserSession(
  req: Request,
  res: Response,
  { sessions, publicUrl }: Pick<OperatorAuthParts, 'sessions' | 'publicUrl'>,
): Promise<UserSession> {
  const { value: session, cookies } = await sessions.authenticate(callerOf(req));
  // Prolonged, or taken back where it names nothing any more; a stream that asks again has sent its headers already.
  if (!res.headersSent) for (const cookie of cookies) res.append('Set-Cookie', cookie);
  if (session === null) throw new TokenInvalidError('Sign in, or send Authorization: Bearer <API key>.');
  requireOwnPage(req, publicUrl);
  res.locals.userSession = session;
  return session;
}

/** For what only owners may do: to say who is a member. No key is one. Stands behind `requireOperatorAuth`. */
export const requireOwner: RequestHandler = (_req, res, next) => {
  if (operatorOf(res).role !== 'owner') throw new ForbiddenError('Only an owner may do this.');
  next();
};

/** For what not even everybody who reads may read. Stands behind `requireOperatorAuth`. */
export const requireAdmin: RequestHandler = (_req, res, next) => {
  if (operatorOf(res).role === 'viewer') throw new ForbiddenError('Only an admin may read this.');
  next();
};

/**
 * Notes that an agent called, though its call was refused or broke off: one that sends what we cannot take is not silent. A call
 * that was taken notes itself, and one that failed for want of the database has nowhere to be noted.
 */
export const noteRefusedCalls =
  (tokens: AgentTokenService): ErrorRequestHandler =>
  async (thrown: unknown, _req, res, next) => {
    const { agent } = res.locals;
    const refused = thrown instanceof DomainError ? isNoted(thrown) : thrown instanceof RequestAbortedError;
    if (agent !== undefined && refused) {
      // What the caller is told is why it was refused, whether or not that could be noted.
      await tokens.noteCall(agent).catch(() => undefined);
    }
    next(thrown);
  };

const isNoted = (error: DomainError) =>
  error instanceof SnapshotDelayedError ? error.isSign : !UNNOTED.has(error.code);

/** A call beyond the limit is not noted, for that would cost what the limit saves; those within it are, many a minute. */
const UNNOTED: ReadonlySet<DomainError['code']> = new Set(['unavailable', 'host_deleted', 'rate_limited']);

export const agentOf = (res: Response): AgentIdentity => present(res.locals.agent);
export const enrollmentOf = (res: Response): EnrollmentIdentity => present(res.locals.enrollment);
export const userSessionOf = (res: Response): UserSession => present(res.locals.userSession);
export const operatorOf = (res: Response): OperatorIdentity => present(res.locals.operator);

function present<T>(identity: T | undefined): T {
  if (identity === undefined) throw new Error('a handler stands before the middleware that authenticates');
  return identity;
}
