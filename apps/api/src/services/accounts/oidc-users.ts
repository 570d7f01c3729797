import type { MemberRole } from '@muster/contracts';
import { isUniqueViolation, transact, type Database, type Prisma } from '@muster/db';
import { ConflictError } from '../../errors.js';
import { recordAuditEntry } from '../audit/index.js';
import type { ExternalUser } from './identity-provider.js';
import { addCredential, addMember, lockFirstOrganization, normalizeEmail } from './add-member.js';

/**
 * Finds the user whom an identity provider authenticated, and returns the user's id in Muster, or null if the person
 * may not sign in. The user is identified by the provider's id for this user. At the first sign-in, Muster does not
 * know this id, so the person is identified by the email address, and is refused if the provider has not verified this
 * address. A member then gets an additional credential, and an invited person becomes a member. Any other person
 * becomes a member of the first organization with the role `autoProvisionRole`, or is refused if `autoProvisionRole` is
 * null.
 */
export async function findOidcUser(
  db: Database,
  person: ExternalUser,
  autoProvisionRole: MemberRole | null,
  at: Date,
): Promise<string | null> {
  const find = () => transact(db, (tx) => findOrAddUser(tx, person, autoProvisionRole, at));
  try {
    return await find();
  } catch (error) {
    // Another request has just created a user with this address, for example by accepting an invitation, so try again.
    if (isUniqueViolation(error) || error instanceof ConflictError) return find();
    throw error;
  }
}

async function findOrAddUser(
  tx: Prisma.TransactionClient,
  { issuer, subject, name, verifiedEmail }: ExternalUser,
  autoProvisionRole: MemberRole | null,
  at: Date,
): Promise<string | null> {
  // With this lock, one of several concurrent first sign-ins of a person creates the account, and the others find it.
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`${issuer} ${subject}`}, 0))`;
  const credential = { issuer, subject };
  const known = await tx.account.findUnique({
    where: { providerId_accountId: { providerId: issuer, accountId: subject } },
    include: { user: { include: { member: true } } },
  });
  if (known !== null) return known.user.member === null ? null : known.userId;
  if (verifiedEmail === null) return null;

  const email = normalizeEmail(verifiedEmail);
  const user = await tx.user.findUnique({ where: { email }, include: { member: true } });
  if (user !== null && user.member !== null) {
    await addCredential(tx, user.id, credential, at);
    const { organizationId } = user.member;
    const target = `user:${user.id}` as const;
    const details = { issuer };
    await recordAuditEntry(tx, { organizationId, at, actor: target, action: 'user.vouched_for', target, details });
    return user.id;
  }

  const membership = (await consumeInvitation(tx, email, at)) ?? (await autoProvision(tx, autoProvisionRole, at));
  return membership === null ? null : addMember(tx, { ...membership, name: name ?? email, email, credential }, at);
}

type Membership = { organizationId: string; role: MemberRole };

/** Deletes the oldest open invitation for an address, and returns the membership that it grants. */
async function consumeInvitation(tx: Prisma.TransactionClient, email: string, at: Date): Promise<Membership | null> {
  const [invitation] = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM invitations WHERE email = ${email} AND "expiresAt" > ${at}
    ORDER BY "createdAt" LIMIT 1 FOR UPDATE`;
  if (invitation === undefined) return null;
  const { organizationId, role } = await tx.invitation.delete({ where: { id: invitation.id } });
  return { organizationId, role };
}

/** Returns null while there is no owner, because the first uninvited user would otherwise invalidate the setup link. */
async function autoProvision(
  tx: Prisma.TransactionClient,
  role: MemberRole | null,
  at: Date,
): Promise<Membership | null> {
  if (role === null) return null;
  const organizationId = await lockFirstOrganization(tx, at);
  return (await tx.member.count({ where: { organizationId, role: 'owner' } })) === 0 ? null : { organizationId, role };
}
