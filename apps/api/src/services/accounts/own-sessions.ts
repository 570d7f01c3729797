import type { PasswordChange, SessionItem } from '@muster/contracts';
import { transact, type Database } from '@muster/db';
import { hashPassword, verifyPassword } from 'better-auth/crypto';
import { invalid } from '../../lib/parse-or-throw.js';
import { ConflictError, NotFoundError } from '../../errors.js';
import { recordAudit, type AuditFact } from '../audit/audit.js';
import type { FailedSignIns } from './failed-sign-ins.js';
import type { UserSession } from './sessions.js';
import type { SignInLimit } from './sign-in-limit.js';

/** What a person may do with their own sessions and password. */
export interface OwnSessionService {
  /** Where they are signed in, the latest sign-in first. */
  list(session: UserSession): Promise<{ items: SessionItem[] }>;

  /** @throws NotFoundError where they have no such session. */
  end(session: UserSession, id: string): Promise<void>;

  /** Ends all of them, the one that asks too. */
  endAll(session: UserSession): Promise<void>;

  /**
   * Changes the password and ends all sessions but the one that asks.
   * @throws InvalidRequestError naming `currentPassword` where it is not right.
   * @throws ConflictError where they have no password, because an identity provider vouches for them.
   * @throws RateLimitedError after too many tries.
   */
  changePassword(session: UserSession, address: string, change: PasswordChange): Promise<void>;
}

export interface OwnSessionServiceParts {
  limit: SignInLimit;
  failures: FailedSignIns;
  now: () => Date;
  /** Milliseconds by which this process's wall clock is ahead of the database's. */
  skewMs: () => number;
}

export function createOwnSessionService(db: Database, parts: OwnSessionServiceParts): OwnSessionService {
  const { limit, failures, now, skewMs } = parts;
  const factOf = ({ userId, operator }: UserSession, action: AuditFact['action']): AuditFact => ({
    ...{ organizationId: operator.organizationId, at: now(), actor: operator.actor, action },
    target: `user:${userId}`,
  });

  return {
    async list({ id: currentId, userId }) {
      // By the clock that better-auth judges them by.
      const alive = { userId, expiresAt: { gt: new Date(Date.now() - skewMs()) } };
      const rows = await db.prisma.session.findMany({ where: alive, orderBy: { id: 'desc' }, take: LIST_MAX });
      const items = rows.map(({ id, createdAt, updatedAt, expiresAt, ipAddress, userAgent }) => ({
        ...{ id, current: id === currentId },
        ...{ createdAt: createdAt.toISOString(), lastSeenAt: updatedAt.toISOString() },
        ...{ expiresAt: expiresAt.toISOString(), address: ipAddress || null, userAgent: userAgent || null },
      }));
      return { items };
    },

    async end(session, id) {
      await transact(db, async (tx) => {
        const { count } = await tx.session.deleteMany({ where: { id, userId: session.userId } });
        if (count === 0) throw new NotFoundError('session');
        await recordAudit(tx, { ...factOf(session, 'user.signed_out'), details: { sessions: 1 } });
      });
    },

    async endAll(session) {
      await transact(db, async (tx) => {
        const { count } = await tx.session.deleteMany({ where: { userId: session.userId } });
        await recordAudit(tx, { ...factOf(session, 'user.signed_out'), details: { sessions: count } });
      });
    },

    async changePassword(session, address, { currentPassword, newPassword }) {
      const { id, userId } = session;
      const account = await db.prisma.account.findFirst({ where: { userId, providerId: 'credential' } });
      if (!account?.password) throw new ConflictError('This account has no password: its identity provider has.');
      limit.take(address, userId);
      if (!(await verifyPassword({ hash: account.password, password: currentPassword }))) {
        await failures.record({ account: { userId }, address, method: 'password change' });
        throw invalid([{ path: '/currentPassword', message: 'is not right' }]);
      }
      const password = await hashPassword(newPassword);
      await transact(db, async (tx) => {
        await tx.account.update({ where: { id: account.id }, data: { password, updatedAt: now() } });
        await tx.session.deleteMany({ where: { userId, id: { not: id } } });
        await recordAudit(tx, factOf(session, 'user.password_changed'));
      });
    },
  };
}

/** Sessions that a person is shown: more than anybody has who did not write a loop. */
const LIST_MAX = 200;
