import { isAPIError } from 'better-auth/api';
import { prismaAdapter } from 'better-auth/adapters/prisma';
import type { Auth } from 'better-auth';
import { betterAuth } from 'better-auth/minimal';
import type { Database } from '@muster/db';
import type { Logger } from 'pino';
import { v7 as uuidv7 } from 'uuid';
import { recordAudit } from '../audit/audit.js';
import { withHashedSessions } from './hashed-sessions.js';
import { withDatabaseClock } from './session-clock.js';
import { vouchedSessions, type VouchedSessions } from './oidc-sessions.js';

/** Seconds that a session lives after it was last used, and of use between two writes of that. */
const SESSION_SECONDS = 7 * 86_400;
const SESSION_WRITE_SECONDS = 3_600;

/** The header in which better-auth is told a caller's address, which we know better than it could. */
export const ADDRESS_HEADER = 'x-muster-address';

export interface BetterAuthParts {
  /** Where browsers reach us, without a path; by https, cookies are for https only. */
  publicUrl: string;
  /** Signs cookies: equal in all processes on one database. */
  secret: string;
  logger: Logger;
  now: () => Date;
  /** Milliseconds by which this process's wall clock, the only one that better-auth reads, is ahead of `now`. */
  skewMs: () => number;
}

/** The session's cookie. Its `__Host-` keeps other hosts of the domain from setting it; browsers want https for that. */
export const sessionCookieName = (publicUrl: string) =>
  isHttps(publicUrl) ? '__Host-muster_session' : 'muster_session';

/**
 * better-auth over our tables, for what should not be invented again: passwords, sessions and their
 * cookies. Who belongs to which organization is ours; a session is for nobody who is no member.
 */
export function createBetterAuth(
  { prisma }: Database,
  { publicUrl, secret, logger, now, skewMs }: BetterAuthParts,
): Auth & VouchedSessions {
  const https = isHttps(publicUrl);
  const log = logger.child({ part: 'better-auth' });
  return betterAuth({
    baseURL: publicUrl,
    basePath: '/api/auth',
    secret,
    telemetry: { enabled: false },
    // Its log takes whatever was thrown, requests and tokens included: what it says is kept, not what it shows.
    logger: { level: 'error', log: (_level, message) => log.error(message) },
    database: withDatabaseClock(withHashedSessions(prismaAdapter(prisma, { provider: 'postgresql' })), skewMs),
    // Ours are asked before a password is hashed, by account too, and for every call that takes one.
    rateLimit: { enabled: false },
    plugins: [vouchedSessions],
    emailAndPassword: { enabled: true, disableSignUp: true },
    session: { expiresIn: SESSION_SECONDS, updateAge: SESSION_WRITE_SECONDS },
    advanced: {
      useSecureCookies: false,
      cookiePrefix: https ? '__Host-muster' : 'muster',
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
            const who = `user:${userId}` as const;
            const fact = { organizationId, at: now(), actor: who, action: 'user.signed_in', target: who } as const;
            try {
              await recordAudit(prisma, fact);
            } catch (error) {
              // No one is given its cookie now; a session without an entry must not stay either.
              await prisma.session.deleteMany({ where: { id } });
              throw error;
            }
          },
        },
      },
    },
  }) as unknown as Auth & VouchedSessions;
}

/** Calls better-auth, and throws what really went wrong where it hides that behind an error of its own. */
export async function callBetterAuth<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isAPIError(error) && error.cause !== undefined) throw error.cause as Error;
    throw error;
  }
}

const isHttps = (url: string) => url.startsWith('https:');
