import type { MemberRole } from '@muster/contracts';
import { isUniqueViolation, transact, type Database, type Prisma } from '@muster/db';
import { ConflictError } from '../../errors.js';
import { recordAudit } from '../audit/audit.js';
import { lockFirstOrganization } from './first-organization.js';
import type { VouchedPerson } from './identity-provider.js';
import { addMember, addWayIn, normalEmail } from './users.js';

export interface VouchedPeopleParts {
  /** What those become, in the first organization, whom nobody has invited; null: they stay outside. */
  strangerRole: MemberRole | null;
  now: () => Date;
}

/**
 * Finds the user whom an identity provider vouches for, or null where they may not come in. They are known by the
 * provider's id of them; the first time by their e-mail address, if it vouches for that: as a member, who has one more
 * way in from then on, or as somebody who is invited, and joins.
 */
export const createVouchedPeople = (db: Database, { strangerRole, now }: VouchedPeopleParts) => {
  const find = ({ issuer, subject, name, verifiedEmail }: VouchedPerson): Promise<string | null> =>
    transact(db, async (tx) => {
      const at = now();
      // Of several first sign-ins of one person at once, one makes the account, and the others find it.
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`${issuer} ${subject}`}, 0))`;
      const wayIn = { issuer, subject };
      const providerId_accountId = { providerId: issuer, accountId: subject };
      const known = await tx.account.findUnique({
        where: { providerId_accountId },
        include: { user: { include: { member: true } } },
      });
      if (known !== null) return known.user.member === null ? null : known.userId;
      if (verifiedEmail === null) return null;

      const email = normalEmail(verifiedEmail);
      const user = await tx.user.findUnique({ where: { email }, include: { member: true } });
      if (user !== null && user.member !== null) {
        await addWayIn(tx, user.id, wayIn, at);
        const { organizationId } = user.member;
        const target = `user:${user.id}` as const;
        const details = { issuer };
        await recordAudit(tx, { organizationId, at, actor: target, action: 'user.vouched_for', target, details });
        return user.id;
      }

      const place = (await takeInvitation(tx, email, at)) ?? (await placeForStranger(tx, strangerRole, at));
      return place === null ? null : addMember(tx, { ...place, name: name ?? email, email, wayIn }, at);
    });

  return async (person: VouchedPerson): Promise<string | null> => {
    try {
      return await find(person);
    } catch (error) {
      // Another sign-in took the address first, such as an invitation that was accepted: now there is a member.
      if (isUniqueViolation(error) || error instanceof ConflictError) return find(person);
      throw error;
    }
  };
};

type Place = { organizationId: string; role: MemberRole };

/** The oldest open invitation of an address, which is used up by this. */
async function takeInvitation(tx: Prisma.TransactionClient, email: string, at: Date): Promise<Place | null> {
  const [invitation] = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM invitations WHERE email = ${email} AND "expiresAt" > ${at}
    ORDER BY "createdAt" LIMIT 1 FOR UPDATE`;
  if (invitation === undefined) return null;
  const { organizationId, role } = await tx.invitation.delete({ where: { id: invitation.id } });
  return { organizationId, role };
}

/** None before there is an owner: whoever came first would find the set-up link dead. */
async function placeForStranger(
  tx: Prisma.TransactionClient,
  role: MemberRole | null,
  at: Date,
): Promise<Place | null> {
  if (role === null) return null;
  const organizationId = await lockFirstOrganization(tx, at);
  return (await tx.member.count({ where: { organizationId, role: 'owner' } })) === 0 ? null : { organizationId, role };
}
