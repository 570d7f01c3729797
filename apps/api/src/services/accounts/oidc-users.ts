import type { MemberRole, OidcRefusal } from '@muster/contracts';
import { isUniqueViolation, transact, type Database, type Prisma } from '@muster/db';
import { ConflictError } from '../../errors.js';
import { recordAuditEntry } from '../audit/index.js';
import type { ExternalUser } from './identity-provider.js';
import { addCredential, addMember, lockFirstOrganization, normalizeEmail } from './add-member.js';
import { revokeCredentialsCreatedBy, revokeInvitationsCreatedBy } from './credentials.js';
import { hasSeveralOwners, lockMember, setRole } from './members.js';

/** The rules for who may sign in through an identity provider, and with which role. */
export interface OidcPolicy {
  /** Whether an address is accepted if the provider does not state whether it has verified the address. */
  trustEmail: boolean;
  /** The domains, in lower case, of the addresses that may sign in; null: all domains. */
  domains: ReadonlySet<string> | null;
  /** The role that each group grants; null: the provider does not determine roles. */
  roleByGroup: ReadonlyMap<string, MemberRole> | null;
  /** The role of users who sign in without an invitation; null: such users are refused. */
  autoProvisionRole: MemberRole | null;
}

/** A person may sign in. `warning` is for the log. */
interface Admission {
  userId: string;
  warning: string | null;
}

/** A person may not sign in. `reason` is for the log. `userId` is null if the person has no account or is unknown. */
interface Refusal {
  userId: string | null;
  refusal: OidcRefusal;
  reason: string;
}

/** The decision about a person whom the provider authenticated. */
export type OidcDecision = Admission | Refusal;

const admit = (userId: string): Admission => ({ userId, warning: null });
const refuse = (refusal: OidcRefusal, reason: string, userId: string | null = null): Refusal => ({
  userId,
  refusal,
  reason,
});

/**
 * Decides whether a person whom an identity provider authenticated may sign in. The person is identified by the
 * provider's id for this user. At the first sign-in, Muster does not know this id, so it identifies the person by the
 * email address, and refuses the person if the address is not verified. A member gets the identity as an additional
 * credential, and an invited person becomes a member. Any other person becomes a member of the first organization with
 * the role `autoProvisionRole`, or is refused if `autoProvisionRole` is null.
 *
 * If groups determine roles, the role of a person without a password is the one that their groups grant. If no group
 * grants a role, the person is refused. The role is set at each sign-in.
 */
export async function findOidcUser(
  db: Database,
  person: ExternalUser,
  policy: OidcPolicy,
  at: Date,
): Promise<OidcDecision> {
  const find = () => transact(db, (tx) => findOrAddUser(tx, person, policy, at));
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
  person: ExternalUser,
  policy: OidcPolicy,
  at: Date,
): Promise<OidcDecision> {
  const { issuer, subject, name } = person;
  // With this lock, one of several concurrent first sign-ins of a person creates the account, and the others find it.
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`${issuer} ${subject}`}, 0))`;
  const credential = { issuer, subject };
  const known = await tx.account.findUnique({
    where: { providerId_accountId: { providerId: issuer, accountId: subject } },
    include: { user: { include: { member: true } } },
  });
  const addressRefusal = checkAddress(person, policy);
  if (known !== null && known.user.member !== null) {
    // The address of a person who has an account is checked only if a list of domains is configured. Otherwise the
    // address no longer matters, because the provider may have changed it.
    if (policy.domains !== null && addressRefusal !== null) return { ...addressRefusal, userId: known.userId };
    return applyRole(tx, known.user.member, person, policy, at);
  }
  // The account of a removed member must not prevent the person from accepting an invitation.
  if (known !== null) await tx.account.deleteMany({ where: { id: known.id } });
  if (addressRefusal !== null) return addressRefusal;

  const email = normalizeEmail(person.email!);
  const user = await tx.user.findUnique({ where: { email }, include: { member: true } });
  // This lock prevents the removal of the member before the account is added. Otherwise the account would remain
  // without a member.
  const member = user?.member ? await lockMember(tx, user.member.organizationId, user.id) : null;
  const grantedRole = policy.roleByGroup === null ? policy.autoProvisionRole : highestRole(person, policy.roleByGroup);
  if (user !== null && member !== null) {
    const isRoleFromGroups = policy.roleByGroup !== null && !(await hasPassword(tx, user.id));
    // The address alone must not end anyone's access or lower their role, because the provider may have given it to
    // another person.
    if (isRoleFromGroups && grantedRole === null) return refuseRole(person, user.id);
    if (isRoleFromGroups && isLower(grantedRole, member.role) && (await hasAccount(tx, user.id, issuer))) {
      return refuse(
        'role',
        'the member with this address already signs in as another user of the provider, and the groups of this user grant ' +
          'a lower role: if both users are the same person, first give the member the lower role',
        user.id,
      );
    }
    await addCredential(tx, user.id, credential, at);
    const { organizationId } = member;
    const target = `user:${user.id}` as const;
    const details = { issuer };
    await recordAuditEntry(tx, { organizationId, at, actor: target, action: 'user.vouched_for', target, details });
    return applyRole(tx, member, person, policy, at);
  }
  if (policy.roleByGroup !== null && grantedRole === null) return refuseRole(person, null);

  const invited = await consumeInvitation(tx, email, at);
  const membership = invited ?? (await autoProvision(tx, grantedRole, at));
  if (membership !== null) {
    // Groups take precedence over the invitation, because they would change the role at the next sign-in anyway.
    const role = (policy.roleByGroup === null ? null : grantedRole) ?? membership.role;
    return admit(await addMember(tx, { ...membership, role, name: name ?? email, email, credential }, at));
  }
  if (user !== null) return refuseRemoved();
  return refuse(
    'unknown',
    grantedRole === null
      ? 'no member and no open invitation has this address'
      : 'there is no owner yet: use the setup link to create the first one',
  );
}

/** Returns the refusal of a person whose address is not acceptable, or null. The log must not contain the address. */
function checkAddress({ email, isEmailVerified }: ExternalUser, { trustEmail, domains }: OidcPolicy): Refusal | null {
  if (email === null) return refuse('no-email', 'the provider sent no valid email address (claim email)');
  if (isEmailVerified === false) {
    return refuse('unverified', 'the provider states that the address is not verified (claim email_verified)');
  }
  if (isEmailVerified === null && !trustEmail) {
    return refuse(
      'unverified',
      'the provider does not state whether the address is verified (claim email_verified): if users cannot choose ' +
        'their address at this provider, set MUSTER_OIDC_TRUST_EMAIL=true',
    );
  }
  const domain = normalizeEmail(email).slice(email.lastIndexOf('@') + 1);
  if (domains !== null && !domains.has(domain)) {
    return refuse('domain', 'the domain of the address is not in MUSTER_OIDC_DOMAINS');
  }
  return null;
}

const refuseRemoved = () => refuse('removed', 'the account was removed, and there is no open invitation');

function refuseRole({ groups }: ExternalUser, userId: string | null): Refusal {
  switch (groups) {
    case 'omitted':
      return refuse(
        'groups',
        'the provider left out the claim that MUSTER_OIDC_ROLE_CLAIM names, because it has too many values: ' +
          'let the provider send only the groups assigned to Muster, or roles',
        userId,
      );
    case 'absent':
      return refuse('role', 'the provider did not send the claim that MUSTER_OIDC_ROLE_CLAIM names', userId);
    case 'invalid':
      return refuse('role', 'the claim that MUSTER_OIDC_ROLE_CLAIM names is neither text nor a list of texts', userId);
    default:
      return refuse('role', 'no value of the claim that MUSTER_OIDC_ROLE_CLAIM names is in MUSTER_OIDC_ROLES', userId);
  }
}

const ROLES_HIGHEST_FIRST = ['owner', 'admin', 'viewer'] as const satisfies readonly MemberRole[];

function highestRole({ groups }: ExternalUser, roleByGroup: ReadonlyMap<string, MemberRole>): MemberRole | null {
  if (typeof groups === 'string') return null;
  const granted = new Set(groups.map((group) => roleByGroup.get(group)));
  return ROLES_HIGHEST_FIRST.find((role) => granted.has(role)) ?? null;
}

const isLower = (role: MemberRole | null, than: MemberRole): boolean =>
  role !== null && ROLES_HIGHEST_FIRST.indexOf(role) > ROLES_HIGHEST_FIRST.indexOf(than);

const hasAccount = async (tx: Prisma.TransactionClient, userId: string, providerId: string): Promise<boolean> =>
  (await tx.account.count({ where: { userId, providerId } })) > 0;

const hasPassword = (tx: Prisma.TransactionClient, userId: string): Promise<boolean> =>
  hasAccount(tx, userId, 'credential');

/**
 * Sets the role that a member's groups grant. If no group matches, ends the member's sessions, makes the member a
 * viewer, and revokes the member's credentials and invitations. If the provider sent no groups, ends only the sessions,
 * and makes an owner an admin. The role of a member with a password, and that of the only owner, does not change.
 */
async function applyRole(
  tx: Prisma.TransactionClient,
  { organizationId, userId }: { organizationId: string; userId: string },
  person: ExternalUser,
  { roleByGroup }: OidcPolicy,
  at: Date,
): Promise<OidcDecision> {
  if (roleByGroup === null || (await hasPassword(tx, userId))) return admit(userId);
  const member = await lockMember(tx, organizationId, userId);
  if (member === null) return refuseRemoved();
  const role = highestRole(person, roleByGroup);
  if (member.role === 'owner' && role !== 'owner' && !(await hasSeveralOwners(tx, organizationId))) {
    const granted = role === null ? 'no access' : `the role ${role}`;
    return { userId, warning: `the groups grant ${granted}, but this is the only owner, who stays an owner` };
  }
  const scope = { organizationId, userId, actor: 'system', at } as const;
  const { groups } = person;
  const details = { source: 'role claim' };
  if (typeof groups === 'string') {
    // The person may still have their groups, so nothing is revoked, but an owner becomes an admin. If two owners
    // stayed owners, neither could sign in: `applyRole` refuses an owner without groups while another owner exists.
    if (member.role === 'owner') {
      await setRole(tx, member, 'admin', scope, { keepInvitations: true, details: { ...details, claim: groups } });
    }
  } else {
    await setRole(tx, member, role ?? 'viewer', scope, { details });
    // An earlier sign-in without groups may have made this person an admin instead of an owner, and kept the
    // invitations.
    if (role !== 'owner') await revokeInvitationsCreatedBy(tx, scope, 'member.role_changed');
    if (role !== null) return admit(userId);
    await revokeCredentialsCreatedBy(tx, scope, 'member.role_claim_unmatched');
  }
  await tx.session.deleteMany({ where: { userId } });
  const refused = refuseRole(person, userId);
  return refused.refusal === 'role' ? { ...refused, refusal: 'role-ended' } : refused;
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
