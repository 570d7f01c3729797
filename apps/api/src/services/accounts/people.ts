import type { MemberRole } from '@muster/contracts';
import type { Prisma } from '@muster/db';
import { v7 as uuidv7 } from 'uuid';
import { ConflictError } from '../../errors.js';

/** A person who joins an organization, with a password. */
export interface Newcomer {
  organizationId: string;
  role: MemberRole;
  name: string;
  email: string;
  /** As `hashPassword` of better-auth makes it. */
  passwordHash: string;
}

/** E-mail addresses are one whatever their case: nobody has two that differ in it alone. */
export const normalEmail = (email: string): string => email.toLowerCase();

/**
 * Makes a member with a password, and returns the user's id. Somebody who was a member once is the same user again.
 * @throws ConflictError where the address is a member's, of whichever organization.
 */
export async function addPerson(tx: Prisma.TransactionClient, newcomer: Newcomer, at: Date): Promise<string> {
  const { organizationId, role, name, passwordHash } = newcomer;
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
  await tx.account.create({
    data: {
      ...{ id: uuidv7(), userId, providerId: 'credential', accountId: userId, password: passwordHash },
      ...{ createdAt: at, updatedAt: at },
    },
  });
  await tx.member.create({ data: { organizationId, userId, role, createdAt: at } });
  return userId;
}
