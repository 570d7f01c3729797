import type { Session, SignInRequest } from '@muster/contracts';
import type { Database } from '@muster/db';
import { isAPIError } from 'better-auth/api';
import type { Auth } from 'better-auth';
import type { Caller } from './caller.js';
import type { OperatorIdentity } from './operator-identity.js';
import { CredentialsInvalidError } from '../../errors.js';
import { ADDRESS_HEADER, callBetterAuth } from './better-auth.js';
import { hashSessionToken } from './hashed-sessions.js';
import type { FailedSignIns } from './failed-sign-ins.js';
import { normalEmail } from './users.js';
import { createSessionView } from './session-view.js';
import type { SignInLimit } from './sign-in-limit.js';
import type { VouchedSessions } from './oidc-sessions.js';

/** What signing in or out comes to: an answer, and `Set-Cookie` values that must go with it. */
export interface WithCookies<T> {
  value: T;
  cookies: string[];
}

/** A session that is good now. */
export interface UserSession {
  id: string;
  userId: string;
  operator: OperatorIdentity;
  expiresAt: Date;
}

export interface SessionService {
  /**
   * The session that the cookies name, or null. Asked of the database each time: one that was ended is ended, and a
   * role that was changed is changed, from the next call on, whichever process takes it.
   */
  authenticate(caller: Caller): Promise<WithCookies<UserSession | null>>;

  /**
   * Signs in. As slow for an address that nobody has as for a password that is wrong.
   * @throws CredentialsInvalidError
   * @throws RateLimitedError after too many tries.
   */
  signIn(caller: Caller, credentials: SignInRequest): Promise<WithCookies<Session>>;

  /**
   * Signs in whom an identity provider has vouched for, and returns the cookies.
   * @throws CredentialsInvalidError where they are no member any more.
   */
  signInVouched(caller: Caller, userId: string): Promise<string[]>;

  /** Cookies that take the place of those of a session that was ended. */
  farewell(caller: Caller): Promise<string[]>;

  /** Who asks, and what they may do; `session` is null for a program. */
  describe(operator: OperatorIdentity, session: UserSession | null): Promise<Session>;
}

export interface SessionServiceParts {
  auth: Auth & VouchedSessions;
  /** The name of the session's cookie. */
  cookieName: string;
  limit: SignInLimit;
  failures: FailedSignIns;
  /** Milliseconds by which this process's wall clock is ahead of the database's. */
  skewMs: () => number;
}

export function createSessionService(db: Database, parts: SessionServiceParts): SessionService {
  const { auth, cookieName, limit, failures, skewMs } = parts;
  const { prisma } = db;
  const view = createSessionView(db);
  const namesSession = ({ cookie }: Caller) => cookie?.includes(`${cookieName}=`) ?? false;

  async function find(caller: Caller): Promise<WithCookies<UserSession | null>> {
    const { headers, response } = await callBetterAuth(() =>
      auth.api.getSession({ headers: headersOf(caller), returnHeaders: true }),
    );
    const cookies = headers.getSetCookie();
    if (response === null) return { value: null, cookies };
    const { id, userId } = response.session;
    const expiresAt = new Date(response.session.expiresAt.getTime() - skewMs());
    const member = await prisma.member.findUnique({ where: { userId } });
    if (member === null) return { value: null, cookies };
    const { organizationId, role } = member;
    return { value: { id, userId, expiresAt, operator: { organizationId, actor: `user:${userId}`, role } }, cookies };
  }

  async function findPasswordHash(email: string): Promise<string | null> {
    const account = await prisma.account.findFirst({ where: { providerId: 'credential', user: { email } } });
    return account?.password ?? null;
  }

  /** The same, after a change of it that has begun is committed or given up: what begins later sees the new session. */
  async function lockPasswordHash(userId: string): Promise<string | null> {
    const [account] = await prisma.$queryRaw<{ password: string | null }[]>`
      SELECT password FROM accounts WHERE "userId" = ${userId} AND "providerId" = 'credential' FOR SHARE`;
    return account?.password ?? null;
  }

  return {
    async authenticate(caller) {
      if (!namesSession(caller)) return { value: null, cookies: [] };
      try {
        return await find(caller);
      } catch (error) {
        // It was ended while this looked at it.
        if (isAPIError(error) && error.statusCode === 401) return { value: null, cookies: [] };
        throw error;
      }
    },

    async signIn(caller, { email, password }) {
      limit.take(caller.address, normalEmail(email));
      const hashBefore = await findPasswordHash(normalEmail(email));
      const { headers, response } = await callBetterAuth(() =>
        // Without the cookies of whoever was signed in here before.
        auth.api.signInEmail({
          body: { email, password },
          headers: headersOf({ ...caller, cookie: undefined }),
          returnHeaders: true,
        }),
      ).catch(async (error: unknown) => {
        if (!isAPIError(error) || error.statusCode >= 500) throw error;
        await failures.record({ account: { email }, address: caller.address, method: 'password' });
        throw new CredentialsInvalidError();
      });
      const token = hashSessionToken(response.token);
      // Its check takes long, and a change of the password meanwhile has ended only the sessions that there were.
      if ((await lockPasswordHash(response.user.id)) !== hashBefore) {
        await prisma.session.deleteMany({ where: { token } });
        throw new CredentialsInvalidError();
      }
      const row = await prisma.session.findUnique({ where: { token } });
      const member = await prisma.member.findUnique({ where: { userId: response.user.id } });
      // Removed while they signed in.
      if (row === null || member === null) throw new CredentialsInvalidError();
      const operator = { ...member, actor: `user:${member.userId}` } as const;
      return { value: await view(operator, row.expiresAt), cookies: headers.getSetCookie() };
    },

    async signInVouched(caller, userId) {
      const { headers } = await callBetterAuth(() =>
        auth.api.startVouchedSession({
          body: { userId },
          headers: headersOf({ ...caller, cookie: undefined }),
          returnHeaders: true,
        }),
      ).catch((error: unknown) => {
        throw isAPIError(error) && error.statusCode < 500 ? new CredentialsInvalidError() : error;
      });
      return headers.getSetCookie();
    },

    async farewell(caller) {
      const { headers } = await callBetterAuth(() =>
        auth.api.signOut({ headers: headersOf(caller), returnHeaders: true }),
      );
      return headers.getSetCookie();
    },

    describe: (operator, session) => view(operator, session?.expiresAt ?? null),
  };
}

/** What is kept of the name that a browser gives itself, by which its owner knows the session. */
const USER_AGENT_LENGTH_MAX = 400;

function headersOf({ cookie, address, userAgent }: Caller): Headers {
  const headers = new Headers({ [ADDRESS_HEADER]: address });
  if (cookie !== undefined) headers.set('cookie', cookie);
  if (userAgent !== undefined) headers.set('user-agent', userAgent.slice(0, USER_AGENT_LENGTH_MAX));
  return headers;
}
