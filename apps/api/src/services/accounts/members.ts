import type { Member, MemberCredentialsQuery, MemberPatch, Page, PageQuery } from '@muster/contracts';
import type { Database, Prisma } from '@muster/db';
import { paginate } from '../../lib/paginate.js';
import type { OperatorIdentity } from '../identity/index.js';
import { ConflictError, NotFoundError } from '../../errors.js';
import { auditedWrite } from '../audit/index.js';
import { revokeCredentialsCreatedBy, revokeInvitationsCreatedBy } from './credentials.js';

/** Lists an organization's members in the order in which they joined. */
export async function listMembers(db: Database, organizationId: string, query: PageQuery): Promise<Page<Member>> {
  const { items, nextCursor } = await paginate(
    query,
    ({ where, ...page }) =>
      db.prisma.member.findMany({ where: { organizationId, ...where }, ...page, include: { user: true } }),
    { order: 'asc' },
  );
  return { items: items.map(toMember), nextCursor };
}

/**
 * Changes a member's role. The change takes effect at the next call in every process. If the member was an owner,
 * revokes the open invitations that the member created. If the member becomes a viewer, also revokes the admin keys and
 * enrollment tokens that the member created, unless `keepCredentials` is set.
 * @throws NotFoundError if the organization has no such member.
 * @throws ConflictError if no owner would be left.
 */
export function changeMember(
  db: Database,
  operator: OperatorIdentity,
  userId: string,
  { role, keepCredentials }: MemberPatch & MemberCredentialsQuery,
  at: Date,
): Promise<Member> {
  const { organizationId, actor } = operator;
  return auditedWrite(db, operator, at, async (tx, record) => {
    const member = await lockMember(tx, organizationId, userId);
    if (member.role === role) return toMember(member);
    if (member.role === 'owner') await requireAnotherOwner(tx, organizationId);
    await tx.member.update({ where: { id: member.id }, data: { role } });
    const scope = { organizationId, userId, actor, at };
    if (member.role === 'owner') await revokeInvitationsCreatedBy(tx, scope, 'member.role_changed');
    const isDemoted = role === 'viewer';
    if (isDemoted && !keepCredentials) await revokeCredentialsCreatedBy(tx, scope, 'member.role_changed');
    const keepCredentialsDetail = isDemoted && keepCredentials ? { keepCredentials } : {};
    const details = { name: member.user.name, from: member.role, to: role, ...keepCredentialsDetail };
    await record('member.role_changed', `user:${userId}`, details);
    return toMember({ ...member, role });
  });
}

/**
 * Removes a member and deletes the member's sessions, password and identity at a provider. Revokes the open invitations
 * that the member created. Unless `keepCredentials` is set, also revokes the member's API keys and enrollment tokens.
 * @throws NotFoundError if the organization has no such member.
 * @throws ConflictError if no owner would be left.
 */
export async function removeMember(
  db: Database,
  operator: OperatorIdentity,
  userId: string,
  { keepCredentials }: MemberCredentialsQuery,
  at: Date,
): Promise<void> {
  const { organizationId, actor } = operator;
  await auditedWrite(db, operator, at, async (tx, record) => {
    const member = await lockMember(tx, organizationId, userId);
    if (member.role === 'owner') await requireAnotherOwner(tx, organizationId);
    await tx.member.delete({ where: { id: member.id } });
    // The account is deleted before the sessions. A concurrent sign-in therefore finds no password, or its session is
    // deleted here.
    await tx.account.deleteMany({ where: { userId } });
    await tx.session.deleteMany({ where: { userId } });
    const scope = { organizationId, userId, actor, at };
    await revokeInvitationsCreatedBy(tx, scope, 'member.removed');
    if (!keepCredentials) await revokeCredentialsCreatedBy(tx, scope, 'member.removed');
    const { name, email } = member.user;
    const details = { name, email, role: member.role, ...(keepCredentials ? { keepCredentials } : {}) };
    await record('member.removed', `user:${userId}`, details);
  });
}

/** Returns a member, and locks the organization's memberships so that two owners cannot remove each other. */
async function lockMember(tx: Prisma.TransactionClient, organizationId: string, userId: string) {
  await tx.$queryRaw`SELECT id FROM organizations WHERE id = ${organizationId} FOR NO KEY UPDATE`;
  const member = await tx.member.findFirst({ where: { organizationId, userId }, include: { user: true } });
  if (member === null) throw new NotFoundError('member');
  return member;
}

async function requireAnotherOwner(tx: Prisma.TransactionClient, organizationId: string): Promise<void> {
  if ((await tx.member.count({ where: { organizationId, role: 'owner' } })) > 1) return;
  throw new ConflictError('This is the only owner. Make another member owner first.');
}

const toMember = ({ userId, user, role, createdAt }: Prisma.MemberGetPayload<{ include: { user: true } }>): Member => ({
  userId,
  name: user.name,
  email: user.email,
  role,
  joinedAt: createdAt.toISOString(),
});
