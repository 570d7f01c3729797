import type { Session, SignInRequest } from '@muster/contracts';
import type { Database } from '@muster/db';
import { isAPIError } from 'better-auth/api';
import type { Auth } from 'better-auth';
import type { Caller, OperatorIdentity } from '../identity/index.js';
import { CredentialsInvalidError } from '../../errors.js';
import { ADDRESS_HEADER, callBetterAuth, type OidcSessionsApi } from './better-auth.js';
import { hashSessionToken } from './better-auth-adapter.js';
import type { FailedSignIns } from './failed-sign-ins.js';
import { normalizeEmail } from './add-member.js';
import type { SignInLimit } from './sign-in-limit.js';

/** The result of an account operation, and the `Set-Cookie` values that must be sent with it. */
export interface WithCookies<T> {
  value: T;
  cookies: string[];
}

/** A valid session. */
export interface UserSession {
  id: string;
  userId: string;
  operator: OperatorIdentity;
  expiresAt: Date;
}

export interface SessionService {
  /**
   * Returns the session that the cookies identify, or null. Reads the database each time, so that an ended session or a
   * changed role takes effect at the next call in every process.
   */
  authenticate(caller: Caller): Promise<WithCookies<UserSession | null>>;

  /**
   * Signs in. Takes as long for an unknown address as for a wrong password.
   * @throws CredentialsInvalidError if the address is unknown or the password is wrong.
   * @throws RateLimitedError after too many attempts.
   */
  signIn(caller: Caller, credentials: SignInRequest): Promise<WithCookies<Session>>;

  /**
   * Signs in a user whom an identity provider has authenticated, and returns the cookies.
   * @throws CredentialsInvalidError if the user is no longer a member.
   */
  signInOidcUser(caller: Caller, userId: string): Promise<string[]>;

  /** Returns cookies that replace the cookies of an ended session. */
  clearCookies(caller: Caller): Promise<string[]>;
}

export interface SessionServiceOptions {
  auth: Auth & OidcSessionsApi;
  /** The name of the session cookie. */
  cookieName: string;
  limit: SignInLimit;
  failures: FailedSignIns;
  /** Returns the milliseconds by which this process's wall clock is ahead of the database's. */
  skewMs: () => number;
}

export function createSessionService(db: Database, options: SessionServiceOptions): SessionService {
  const { auth, cookieName, limit, failures, skewMs } = options;
  const { prisma } = db;
  const hasSessionCookie = ({ cookie }: Caller) => cookie?.includes(`${cookieName}=`) ?? false;

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

  /**
   * Waits for any password change in progress, and returns the user's password hash. A password change that starts
   * later finds the new session and ends it.
   */
  async function lockPasswordHash(userId: string): Promise<string | null> {
    const [account] = await prisma.$queryRaw<{ password: string | null }[]>`
      SELECT password FROM accounts WHERE "userId" = ${userId} AND "providerId" = 'credential' FOR SHARE`;
    return account?.password ?? null;
  }

  return {
    async authenticate(caller) {
      if (!hasSessionCookie(caller)) return { value: null, cookies: [] };
      try {
        return await find(caller);
      } catch (error) {
        // The session was revoked while it was being read.
        if (isAPIError(error) && error.statusCode === 401) return { value: null, cookies: [] };
        throw error;
      }
    },

    async signIn(caller, { email, password }) {
      limit.take(caller.address, normalizeEmail(email));
      const hashBefore = await findPasswordHash(normalizeEmail(email));
      const { headers, response } = await callBetterAuth(() =>
        // Omit the browser's cookies, which may belong to a user who was signed in before.
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
      // Verifying a password is slow. If the password was changed in the meantime, the change ended only older
      // sessions, not this new session.
      if ((await lockPasswordHash(response.user.id)) !== hashBefore) {
        await prisma.session.deleteMany({ where: { token } });
        throw new CredentialsInvalidError();
      }
      const row = await prisma.session.findUnique({ where: { token } });
      const member = await prisma.member.findUnique({ where: { userId: response.user.id } });
      // The member was removed during the sign-in.
      if (row === null || member === null) throw new CredentialsInvalidError();
      const operator = { ...member, actor: `user:${member.userId}` } as const;
      return { value: await getSession(db, operator, row), cookies: headers.getSetCookie() };
    },

    async signInOidcUser(caller, userId) {
      const { headers } = await callBetterAuth(() =>
        auth.api.startOidcSession({
          body: { userId },
          headers: headersOf({ ...caller, cookie: undefined }),
          returnHeaders: true,
        }),
      ).catch((error: unknown) => {
        throw isAPIError(error) && error.statusCode < 500 ? new CredentialsInvalidError() : error;
      });
      return headers.getSetCookie();
    },

    async clearCookies(caller) {
      const { headers } = await callBetterAuth(() =>
        auth.api.signOut({ headers: headersOf(caller), returnHeaders: true }),
      );
      return headers.getSetCookie();
    },
  };
}

/**
 * Returns a description of an operator and of the operator's permissions. For a user, the expiry is that of `session`.
 * An API key has its own expiry.
 */
export async function getSession(
  { prisma }: Pick<Database, 'prisma'>,
  { organizationId, actor, role }: OperatorIdentity,
  session: Pick<UserSession, 'expiresAt'> | null,
): Promise<Session> {
  const organization = await prisma.organization.findUniqueOrThrow({
    where: { id: organizationId },
    select: { id: true, name: true },
  });
  const [kind, id] = actor.split(':') as ['api_key' | 'user', string];
  if (kind === 'user') {
    const user = await prisma.user.findUniqueOrThrow({
      where: { id },
      select: { id: true, name: true, email: true },
    });
    return { user, apiKey: null, organization, role, expiresAt: session?.expiresAt.toISOString() ?? null };
  }
  const key = await prisma.apiKey.findUniqueOrThrow({ where: { id } });
  const apiKey = { id: key.id, name: key.name };
  return { user: null, apiKey, organization, role, expiresAt: key.expiresAt?.toISOString() ?? null };
}

/** Maximum stored length of a user agent, which helps users recognize their sessions. */
const USER_AGENT_LENGTH_MAX = 400;

function headersOf({ cookie, address, userAgent }: Caller): Headers {
  const headers = new Headers({ [ADDRESS_HEADER]: address });
  if (cookie !== undefined) headers.set('cookie', cookie);
  if (userAgent !== undefined) headers.set('user-agent', userAgent.slice(0, USER_AGENT_LENGTH_MAX));
  return headers;
}
