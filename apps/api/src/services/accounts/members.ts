import type { Member, MemberCredentialsQuery, MemberPatch, Page, PageQuery } from '@muster/contracts';
import { transact, type Database, type Prisma } from '@muster/db';
import { decodeCursor, encodeCursor } from '../../lib/cursor.js';
import type { OperatorIdentity } from '../identity/index.js';
import { ConflictError, NotFoundError } from '../../errors.js';
import { recordAuditEntry } from '../audit/index.js';
import { revokeCredentialsCreatedBy, revokeInvitationsCreatedBy } from './credentials.js';

/** Manages the members of an organization. Changes take effect at the next call in every process. */
export interface MemberService {
  /** Lists the organization's members in the order in which they joined. */
  list(operator: OperatorIdentity, query: PageQuery): Promise<Page<Member>>;

  /**
   * Changes a member's role. Revokes the open invitations of an owner who loses that role. If the member becomes a
   * viewer, also revokes the admin keys and enrollment tokens that they created, unless `keepCredentials` is set.
   * @throws NotFoundError if the organization has no such member.
   * @throws ConflictError if no owner would be left.
   */
  change(
    operator: OperatorIdentity,
    userId: string,
    patch: MemberPatch,
    options: MemberCredentialsQuery,
  ): Promise<Member>;

  /**
   * Removes a member with their sessions and credentials, and revokes their open invitations. API keys and enrollment
   * tokens that they created are revoked unless `keepCredentials` is set.
   * @throws NotFoundError | ConflictError like `change`.
   */
  remove(operator: OperatorIdentity, userId: string, options: MemberCredentialsQuery): Promise<void>;
}

export function createMemberService(db: Database, { now }: { now: () => Date }): MemberService {
  return {
    async list({ organizationId }, { cursor, limit }) {
      const after = cursor === undefined ? undefined : decodeCursor(cursor, ['uuid'])[0];
      const rows = await db.prisma.member.findMany({
        where: { organizationId, ...(after === undefined ? {} : { id: { gt: after } }) },
        orderBy: { id: 'asc' },
        take: limit + 1,
        include: { user: true },
      });
      const shown = rows.slice(0, limit);
      const nextCursor = rows.length > limit ? encodeCursor([shown.at(-1)!.id]) : null;
      return { items: shown.map(toView), nextCursor };
    },

    async change({ organizationId, actor }, userId, { role }, { keepCredentials }) {
      const at = now();
      return transact(db, async (tx) => {
        const member = await lockedMember(tx, organizationId, userId);
        if (member.role === role) return toView(member);
        if (member.role === 'owner') await requireAnotherOwner(tx, organizationId);
        await tx.member.update({ where: { id: member.id }, data: { role } });
        const created = { organizationId, userId, actor, at };
        if (member.role === 'owner') await revokeInvitationsCreatedBy(tx, created, 'member.role_changed');
        const isDemoted = role === 'viewer';
        if (isDemoted && !keepCredentials) await revokeCredentialsCreatedBy(tx, created, 'member.role_changed');
        const kept = isDemoted && keepCredentials ? { keepCredentials } : {};
        const details = { name: member.user.name, from: member.role, to: role, ...kept };
        const target = `user:${userId}`;
        await recordAuditEntry(tx, { organizationId, at, actor, action: 'member.role_changed', target, details });
        return toView({ ...member, role });
      });
    },

    async remove({ organizationId, actor }, userId, { keepCredentials }) {
      const at = now();
      await transact(db, async (tx) => {
        const member = await lockedMember(tx, organizationId, userId);
        if (member.role === 'owner') await requireAnotherOwner(tx, organizationId);
        await tx.member.delete({ where: { id: member.id } });
        // In this order, a concurrent sign-in either finds no password, or its session is deleted here.
        await tx.account.deleteMany({ where: { userId } });
        await tx.session.deleteMany({ where: { userId } });
        const created = { organizationId, userId, actor, at };
        await revokeInvitationsCreatedBy(tx, created, 'member.removed');
        if (!keepCredentials) await revokeCredentialsCreatedBy(tx, created, 'member.removed');
        const { name, email } = member.user;
        const details = { name, email, role: member.role, ...(keepCredentials ? { keepCredentials } : {}) };
        const target = `user:${userId}`;
        await recordAuditEntry(tx, { organizationId, at, actor, action: 'member.removed', target, details });
      });
    },
  };
}

/** Returns a member and locks the organization's memberships: two owners cannot each remove the other. */
async function lockedMember(tx: Prisma.TransactionClient, organizationId: string, userId: string) {
  await tx.$queryRaw`SELECT id FROM organizations WHERE id = ${organizationId} FOR NO KEY UPDATE`;
  const member = await tx.member.findFirst({ where: { organizationId, userId }, include: { user: true } });
  if (member === null) throw new NotFoundError('member');
  return member;
}

async function requireAnotherOwner(tx: Prisma.TransactionClient, organizationId: string): Promise<void> {
  if ((await tx.member.count({ where: { organizationId, role: 'owner' } })) > 1) return;
  throw new ConflictError('This is the only owner. Make another member owner first.');
}

const toView = ({ userId, user, role, createdAt }: Prisma.MemberGetPayload<{ include: { user: true } }>): Member => ({
  ...{ userId, name: user.name, email: user.email, role, joinedAt: createdAt.toISOString() },
});
