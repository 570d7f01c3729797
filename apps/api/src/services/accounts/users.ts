import type { MemberRole } from '@muster/contracts';
import type { Prisma } from '@muster/db';
import { v7 as uuidv7 } from 'uuid';
import { ConflictError } from '../../errors.js';
import { recordAudit } from '../audit/audit.js';

/** A person who joins an organization. */
export interface Newcomer {
  organizationId: string;
  role: MemberRole;
  name: string;
  email: string;
  wayIn: WayIn;
}

/** By what a person signs in: a password, hashed by `hashPassword` of better-auth, or who vouches for them. */
export type WayIn = { passwordHash: string } | Voucher;

/** An identity provider, by its issuer, and what it calls the person. */
export interface Voucher {
  issuer: string;
  subject: string;
}

/** E-mail addresses are one whatever their case: nobody has two that differ in it alone. */
export const normalEmail = (email: string): string => email.toLowerCase();

/**
 * Makes a member, as they do themselves, and returns the user's id. Somebody who was a member once is the same user again.
 * @throws ConflictError where the address is a member's, of whichever organization.
 */
export async function addMember(tx: Prisma.TransactionClient, newcomer: Newcomer, at: Date): Promise<string> {
  const { organizationId, role, name, wayIn } = newcomer;
  const email = normalEmail(newcomer.email);
  const facts = { name, updatedAt: at };
  const { id: userId } = await tx.user.upsert({
    where: { email },
    create: { id: uuidv7(), email, createdAt: at, ...facts },
    update: facts,
  });
  if ((await tx.member.count({ where: { userId } })) > 0) {
    throw new ConflictError('There is an account with this e-mail address already: sign in with it.');
  }
  await addWayIn(tx, userId, wayIn, at);
  await tx.member.create({ data: { organizationId, userId, role, createdAt: at } });
  const target = `user:${userId}` as const;
  const details = { name, role };
  await recordAudit(tx, { organizationId, at, actor: target, action: 'user.joined', target, details });
  return userId;
}

/** Lets a person in by one more way. */
export async function addWayIn(tx: Prisma.TransactionClient, userId: string, wayIn: WayIn, at: Date): Promise<void> {
  const account =
    'passwordHash' in wayIn
      ? { providerId: 'credential', accountId: userId, password: wayIn.passwordHash }
      : { providerId: wayIn.issuer, accountId: wayIn.subject };
  await tx.account.create({ data: { id: uuidv7(), userId, ...account, createdAt: at, updatedAt: at } });
}
