import type { PasswordChange, SessionItem } from '@muster/contracts';
import type { Database } from '@muster/db';
import { hashPassword, verifyPassword } from 'better-auth/crypto';
import { invalidRequest } from '../../lib/parse-or-throw.js';
import { ConflictError, NotFoundError } from '../../errors.js';
import { auditedWrite } from '../audit/index.js';
import type { FailedSignIns } from './failed-sign-ins.js';
import type { UserSession } from './sign-in.js';
import type { SignInLimit } from './sign-in-limit.js';

/** Lets a user manage their own sessions and password. */
export interface MySessionService {
  /** Lists the user's sessions, latest sign-in first. */
  list(session: UserSession): Promise<{ items: SessionItem[] }>;

  /**
   * Ends a session.
   * @throws NotFoundError if the user has no such session.
   */
  end(session: UserSession, id: string): Promise<void>;

  /** Ends all of the user's sessions, including the current one. */
  endAll(session: UserSession): Promise<void>;

  /**
   * Changes the password and ends all sessions except the current one.
   * @throws InvalidRequestError for `currentPassword` if it is wrong.
   * @throws ConflictError if the user has no password because they sign in with an identity provider.
   * @throws RateLimitedError after too many attempts.
   */
  changePassword(session: UserSession, address: string, change: PasswordChange): Promise<void>;
}

export interface MySessionServiceOptions {
  limit: SignInLimit;
  failures: FailedSignIns;
  now: () => Date;
  /** Returns the milliseconds by which this process's wall clock is ahead of the database's. */
  skewMs: () => number;
}

export function createMySessionService(db: Database, options: MySessionServiceOptions): MySessionService {
  const { limit, failures, now, skewMs } = options;
  return {
    async list({ id: currentId, userId }) {
      // better-auth stores the expiry of sessions in database time (better-auth-adapter.ts).
      const alive = { userId, expiresAt: { gt: new Date(Date.now() - skewMs()) } };
      const rows = await db.prisma.session.findMany({
        where: alive,
        orderBy: { id: 'desc' },
        take: SESSIONS_LISTED_MAX,
      });
      const items = rows.map(({ id, createdAt, updatedAt, expiresAt, ipAddress, userAgent }) => ({
        id,
        current: id === currentId,
        createdAt: createdAt.toISOString(),
        lastSeenAt: updatedAt.toISOString(),
        expiresAt: expiresAt.toISOString(),
        address: ipAddress || null,
        userAgent: userAgent || null,
      }));
      return { items };
    },

    async end({ userId, operator }, id) {
      await auditedWrite(db, operator, now(), async (tx, record) => {
        const { count } = await tx.session.deleteMany({ where: { id, userId } });
        if (count === 0) throw new NotFoundError('session');
        await record('user.signed_out', `user:${userId}`, { sessions: 1 });
      });
    },

    async endAll({ userId, operator }) {
      await auditedWrite(db, operator, now(), async (tx, record) => {
        const { count } = await tx.session.deleteMany({ where: { userId } });
        await record('user.signed_out', `user:${userId}`, { sessions: count });
      });
    },

    async changePassword(session, address, { currentPassword, newPassword }) {
      const { id, userId, operator } = session;
      const account = await db.prisma.account.findFirst({ where: { userId, providerId: 'credential' } });
      if (!account?.password)
        throw new ConflictError('This account signs in through the identity provider and has no password in Muster.');
      limit.take(address, userId);
      if (!(await verifyPassword({ hash: account.password, password: currentPassword }))) {
        await failures.record({ account: { userId }, address, method: 'password change' });
        throw invalidRequest([{ path: '/currentPassword', message: 'is wrong' }]);
      }
      const password = await hashPassword(newPassword);
      const at = now();
      await auditedWrite(db, operator, at, async (tx, record) => {
        await tx.account.update({ where: { id: account.id }, data: { password, updatedAt: at } });
        await tx.session.deleteMany({ where: { userId, id: { not: id } } });
        await record('user.password_changed', `user:${userId}`);
      });
    },
  };
}

/** Maximum number of listed sessions. Only a script would create more sessions than this. */
const SESSIONS_LISTED_MAX = 200;
