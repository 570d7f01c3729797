import { APIError, createAuthEndpoint, isAPIError } from 'better-auth/api';
import { prismaAdapter } from 'better-auth/adapters/prisma';
import type { Auth, BetterAuthPlugin } from 'better-auth';
import { setSessionCookie } from 'better-auth/cookies';
import { betterAuth } from 'better-auth/minimal';
import type { Database } from '@muster/db';
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { cookieSuffixOf } from '../../lib/base-path.js';
import { recordAuditEntry } from '../audit/index.js';
import { withDatabaseClock, withHashedSessions } from './better-auth-adapter.js';

/** A session expires this many seconds after its last use. */
const SESSION_SECONDS = 7 * 86_400;

/** Minimum seconds between two updates of the time at which a session was last used. */
const SESSION_WRITE_SECONDS = 3_600;

/** The header that passes the caller's address to better-auth, because Express determines the address more reliably. */
export const ADDRESS_HEADER = 'x-muster-address';

export interface SessionAuthOptions {
  /** The URL at which browsers reach Muster. If the URL is https, cookies are sent over https only. */
  publicUrl: string;
  /** The key that signs cookies. All processes on one database need the same key. */
  secret: string;
  logger: Logger;
  now: () => Date;
  /**
   * Returns the milliseconds by which this process's wall clock is ahead of `now`. better-auth reads only the wall
   * clock.
   */
  skewMs: () => number;
}

/**
 * Returns the name of the session cookie. The `__Host-` prefix, for which browsers require https, keeps other hosts of
 * the domain from setting the cookie.
 */
export const sessionCookieName = (publicUrl: string) =>
  `${isHttps(publicUrl) ? '__Host-muster_session' : 'muster_session'}${cookieSuffixOf(publicUrl)}`;

/**
 * Creates a better-auth instance that uses our tables. better-auth handles passwords, sessions and their cookies. We
 * handle organization memberships, and only members get sessions.
 */
export function createBetterAuth(
  { prisma }: Database,
  { publicUrl, secret, logger, now, skewMs }: SessionAuthOptions,
): Auth & OidcSessionsApi {
  const https = isHttps(publicUrl);
  const log = logger.child({ part: 'better-auth' });
  return betterAuth({
    baseURL: new URL(publicUrl).origin,
    basePath: '/api/auth',
    secret,
    telemetry: { enabled: false },
    // better-auth also passes thrown values to `log`. These values may contain requests and tokens, so only the message
    // is logged.
    logger: { level: 'error', log: (_level, message) => log.error(message) },
    database: withDatabaseClock(withHashedSessions(prismaAdapter(prisma, { provider: 'postgresql' })), skewMs),
    // Muster's own limits replace better-auth's. Muster's limits apply before a password is hashed, also count per
    // account, and cover every call that takes a password.
    rateLimit: { enabled: false },
    plugins: [oidcSessionsPlugin],
    emailAndPassword: { enabled: true, disableSignUp: true },
    session: { expiresIn: SESSION_SECONDS, updateAge: SESSION_WRITE_SECONDS },
    advanced: {
      useSecureCookies: false,
      cookiePrefix: `${https ? '__Host-muster' : 'muster'}${cookieSuffixOf(publicUrl)}`,
      defaultCookieAttributes: { httpOnly: true, sameSite: 'lax', secure: https, path: '/' },
      cookies: { session_token: { name: sessionCookieName(publicUrl) } },
      database: { generateId: () => uuidv7() },
      ipAddress: { ipAddressHeaders: [ADDRESS_HEADER] },
    },
    databaseHooks: {
      session: {
        create: {
          before: async ({ userId }) => (await prisma.member.count({ where: { userId } })) > 0,
          after: async ({ id, userId }) => {
            const member = await prisma.member.findUnique({ where: { userId } });
            if (member === null) return;
            const { organizationId } = member;
            const userActor = `user:${userId}` as const;
            const fact = {
              organizationId,
              at: now(),
              actor: userActor,
              action: 'user.signed_in',
              target: userActor,
            } as const;
            try {
              await recordAuditEntry(prisma, fact);
            } catch (error) {
              // A session without an audit entry must not remain. The request fails, so the client gets no session
              // cookie.
              await prisma.session.deleteMany({ where: { id } });
              throw error;
            }
          },
        },
      },
    },
  }) as unknown as Auth & OidcSessionsApi;
}

/** Calls better-auth, and throws the original error if better-auth wrapped it in its own error. */
export async function callBetterAuth<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isAPIError(error) && error.cause !== undefined) throw error.cause as Error;
    throw error;
  }
}

const isHttps = (url: string) => url.startsWith('https:');

/**
 * Extends better-auth's server API with a function that it lacks: starting a session for a user whom an identity
 * provider has authenticated. The function has no path, so that no HTTP request can reach it.
 */
const oidcSessionsPlugin = {
  id: 'oidc-sessions',
  endpoints: {
    startOidcSession: createAuthEndpoint({ method: 'POST', body: z.object({ userId: z.uuid() }) }, async (context) => {
      const { internalAdapter } = context.context;
      const user = await internalAdapter.findUserById(context.body.userId);
      // The session is null for a user who is not a member; see `databaseHooks` above.
      const session = user === null ? null : await internalAdapter.createSession(user.id);
      if (user === null || session === null) throw new APIError('UNAUTHORIZED');
      await setSessionCookie(context, { session, user });
      return { token: session.token };
    }),
  },
} satisfies BetterAuthPlugin;

/** The function that the plugin adds to better-auth's server API. */
export interface OidcSessionsApi {
  api: {
    startOidcSession(call: {
      body: { userId: string };
      headers: Headers;
      returnHeaders: true;
    }): Promise<{ headers: Headers; response: { token: string } }>;
  };
}

const SECRET_BYTES = 32;

/**
 * Returns the secret that signs cookies if no secret is configured. The first process that calls this function creates
 * the secret and stores the secret in the database, so that all processes share it. The secret alone grants no access.
 * A cookie must also contain a session token, of which only the hash is stored.
 */
export async function loadCookieSecret({ prisma }: Database): Promise<string> {
  const value = randomBytes(SECRET_BYTES).toString('base64url');
  await prisma.$executeRaw`INSERT INTO service_secrets (id, value) VALUES (1, ${value}) ON CONFLICT DO NOTHING`;
  return (await prisma.serviceSecret.findUniqueOrThrow({ where: { id: 1 } })).value;
}
