import type { Member, MemberCredentialsQuery, MemberPatch, MemberRole, Page, PageQuery } from '@muster/contracts';
import { transact, type Database, type Prisma } from '@muster/db';
import { paginate } from '../../lib/paginate.js';
import type { OperatorIdentity } from '../identity/index.js';
import { ConflictError, NotFoundError } from '../../errors.js';
import { auditedWrite, recordAuditEntry } from '../audit/index.js';
import { revokeCredentialsCreatedBy, revokeInvitationsCreatedBy, type RevocationScope } from './credentials.js';

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
 * Changes a member's role. The change takes effect at the next call in every process. If the member does not become an
 * owner, revokes the open invitations that the member created. If the member becomes a viewer, also revokes the admin
 * keys and enrollment tokens that the member created, unless `keepCredentials` is set.
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
  return transact(db, async (tx) => {
    const member = requireMember(await lockMember(tx, organizationId, userId));
    if (member.role === 'owner' && role !== 'owner') await requireAnotherOwner(tx, organizationId);
    await setRole(tx, member, role, { organizationId, userId, actor, at }, { keepCredentials });
    return toMember({ ...member, role });
  });
}

interface RoleChangeOptions {
  keepCredentials?: boolean;
  keepInvitations?: boolean;
  /** Further details for the audit log. */
  details?: Prisma.InputJsonObject;
}

/**
 * Sets the role of a member that `lockMember` returned, revokes what the new role does not allow, and records the
 * change in the audit log. The caller must ensure that an owner remains. Does nothing if the member already has the
 * role.
 */
export async function setRole(
  tx: Prisma.TransactionClient,
  member: LockedMember,
  role: MemberRole,
  scope: RevocationScope,
  { keepCredentials = false, keepInvitations = false, details: furtherDetails = {} }: RoleChangeOptions = {},
): Promise<void> {
  if (member.role === role) return;
  await tx.member.update({ where: { id: member.id }, data: { role } });
  if (role !== 'owner' && !keepInvitations) await revokeInvitationsCreatedBy(tx, scope, 'member.role_changed');
  const isDemoted = role === 'viewer';
  if (isDemoted && !keepCredentials) await revokeCredentialsCreatedBy(tx, scope, 'member.role_changed');
  const keepCredentialsDetail = isDemoted && keepCredentials ? { keepCredentials } : {};
  const { organizationId, userId, actor, at } = scope;
  const details = { name: member.user.name, from: member.role, to: role, ...keepCredentialsDetail, ...furtherDetails };
  const target = `user:${userId}`;
  await recordAuditEntry(tx, { organizationId, at, actor, action: 'member.role_changed', target, details });
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
    const member = requireMember(await lockMember(tx, organizationId, userId));
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

type LockedMember = Prisma.MemberGetPayload<{ include: { user: true } }>;

/**
 * Returns a member, or null if the organization has no such member. Locks the organization's memberships so that two
 * owners cannot remove each other.
 */
export async function lockMember(
  tx: Prisma.TransactionClient,
  organizationId: string,
  userId: string,
): Promise<LockedMember | null> {
  await tx.$queryRaw`SELECT id FROM organizations WHERE id = ${organizationId} FOR NO KEY UPDATE`;
  return tx.member.findFirst({ where: { organizationId, userId }, include: { user: true } });
}

function requireMember(member: LockedMember | null): LockedMember {
  if (member === null) throw new NotFoundError('member');
  return member;
}

async function requireAnotherOwner(tx: Prisma.TransactionClient, organizationId: string): Promise<void> {
  if (await hasSeveralOwners(tx, organizationId)) return;
  throw new ConflictError('This is the only owner. Make another member owner first.');
}

/** Whether an organization has more than one owner. The caller holds the lock of `lockMember`. */
export const hasSeveralOwners = async (tx: Prisma.TransactionClient, organizationId: string): Promise<boolean> =>
  (await tx.member.count({ where: { organizationId, role: 'owner' } })) > 1;

const toMember = ({ userId, user, role, createdAt }: LockedMember): Member => ({
  userId,
  name: user.name,
  email: user.email,
  role,
  joinedAt: createdAt.toISOString(),
});
