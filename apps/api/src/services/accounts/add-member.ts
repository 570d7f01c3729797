import type { MemberRole } from '@muster/contracts';
import type { Prisma } from '@muster/db';
import { v7 as uuidv7 } from 'uuid';
import { ConflictError } from '../../errors.js';
import { recordAuditEntry } from '../audit/index.js';

/** A person who joins an organization. */
export interface NewMember {
  organizationId: string;
  role: MemberRole;
  name: string;
  email: string;
  credential: Credential;
}

/**
 * The credential with which a person signs in: a password, hashed by better-auth's `hashPassword`, or an identity at an
 * identity provider.
 */
export type Credential = { passwordHash: string } | ExternalIdentity;

/** A user at an identity provider: the provider's issuer, and the provider's id for the user. */
export interface ExternalIdentity {
  issuer: string;
  subject: string;
}

/** Normalizes an email address. Addresses that differ only in case are the same. */
export const normalizeEmail = (email: string): string => email.toLowerCase();

/**
 * Adds a member and returns the user's id. The audit log records the addition as an action of that user. A former
 * member keeps the earlier user id.
 * @throws ConflictError if the address belongs to a member of any organization.
 */
export async function addMember(tx: Prisma.TransactionClient, member: NewMember, at: Date): Promise<string> {
  const { organizationId, role, name, credential } = member;
  const email = normalizeEmail(member.email);
  const facts = { name, updatedAt: at };
  const { id: userId } = await tx.user.upsert({
    where: { email },
    create: { id: uuidv7(), email, createdAt: at, ...facts },
    update: facts,
  });
  if ((await tx.member.count({ where: { userId } })) > 0) {
    throw new ConflictError('An account with this email address already exists. Sign in with that account.');
  }
  await addCredential(tx, userId, credential, at);
  await tx.member.create({ data: { organizationId, userId, role, createdAt: at } });
  const target = `user:${userId}` as const;
  const details = { name, role };
  await recordAuditEntry(tx, { organizationId, at, actor: target, action: 'user.joined', target, details });
  return userId;
}

/** Adds a credential to a user. */
export async function addCredential(
  tx: Prisma.TransactionClient,
  userId: string,
  credential: Credential,
  at: Date,
): Promise<void> {
  const account =
    'passwordHash' in credential
      ? { providerId: 'credential', accountId: userId, password: credential.passwordHash }
      : { providerId: credential.issuer, accountId: credential.subject };
  await tx.account.create({ data: { id: uuidv7(), userId, ...account, createdAt: at, updatedAt: at } });
}

/** The organization of a new installation. */
const FIRST_ORGANIZATION = { id: 'default', name: 'Default', slug: 'default' };

/**
 * Returns the first organization's id, and creates the organization if it is missing. Locks the organization's row
 * until the transaction ends, so that concurrent processes perform the setup one after another.
 */
export async function lockFirstOrganization(tx: Prisma.TransactionClient, at: Date): Promise<string> {
  const { id, name, slug } = FIRST_ORGANIZATION;
  await tx.$executeRaw`
    INSERT INTO organizations (id, name, slug, "createdAt") VALUES (${id}, ${name}, ${slug}, ${at})
    ON CONFLICT DO NOTHING`;
  await tx.$queryRaw`SELECT id FROM organizations WHERE id = ${id} FOR NO KEY UPDATE`;
  return id;
}
