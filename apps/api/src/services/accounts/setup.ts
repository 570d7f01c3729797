import { tokenKind, type Session, type SetupRequest } from '@muster/contracts';
import { transact, type Database, type Prisma } from '@muster/db';
import { hashPassword } from 'better-auth/crypto';
import { TokenInvalidError } from '../../errors.js';
import { hashToken, issueToken } from '../../lib/tokens.js';
import type { Caller } from '../identity/index.js';
import { addMember, lockFirstOrganization } from './add-member.js';
import type { SessionService, WithCookies } from './sign-in.js';

/**
 * Lifetime of a setup link in milliseconds. Creating a user invalidates the link earlier. Each start of Muster creates
 * another link.
 */
const SETUP_TOKEN_MS = 7 * 86_400_000;

const invalidTokenError = () =>
  new TokenInvalidError('This setup link is invalid or has expired. Restart Muster for a new one.');

/** Returns true if no user exists yet. */
export const isSetupRequired = async ({ prisma }: Pick<Database, 'prisma'>): Promise<boolean> =>
  (await prisma.user.findFirst({ select: { id: true } })) === null;

/**
 * Creates a token for a setup link if no user exists yet. `deliver` receives the token before the transaction commits.
 * If `deliver` fails, no token is created. Processes that start at the same time create one token each, and using any
 * of these tokens invalidates all of them.
 */
export async function issueSetupToken(
  { prisma }: Pick<Database, 'prisma'>,
  at: Date,
  deliver: (token: string) => Promise<void>,
): Promise<void> {
  await prisma.$transaction(async (tx) => {
    await lockFirstOrganization(tx, at);
    if ((await tx.user.count()) > 0) return;
    await tx.setupToken.deleteMany({ where: { createdAt: { lte: expiredBefore(at) } } });
    const { token, hash } = issueToken('setup');
    await tx.setupToken.create({ data: { hash, createdAt: at } });
    await deliver(token);
  });
}

export interface SetupOptions {
  db: Database;
  sessions: Pick<SessionService, 'signIn'>;
  now: () => Date;
}

/**
 * Creates the first user as owner of the first organization, and signs them in.
 * @throws TokenInvalidError if the token is unknown or expired, or if a user already exists.
 */
export async function setUp(
  { db, sessions, now }: SetupOptions,
  caller: Caller,
  { token, name, email, password }: SetupRequest,
): Promise<WithCookies<Session>> {
  // Check the token first, because hashing the password is expensive. Check the token again under the lock.
  if (!(await isValidToken(db.prisma, token, now()))) throw invalidTokenError();
  const passwordHash = await hashPassword(password);
  const at = now();
  await transact(db, async (tx) => {
    const organizationId = await lockFirstOrganization(tx, at);
    if (!(await isValidToken(tx, token, now()))) throw invalidTokenError();
    await tx.setupToken.deleteMany();
    await addMember(tx, { organizationId, role: 'owner', name, email, credential: { passwordHash } }, at);
  });
  return sessions.signIn(caller, { email, password });
}

/** Returns true if the token was issued and has not expired, and no user exists yet. */
async function isValidToken(
  tx: Pick<Prisma.TransactionClient, 'user' | 'setupToken'>,
  token: string,
  at: Date,
): Promise<boolean> {
  if (tokenKind(token) !== 'setup') return false;
  const where = { hash: hashToken(token), createdAt: { gt: expiredBefore(at) } };
  return (await tx.setupToken.count({ where })) > 0 && (await tx.user.count()) === 0;
}

const expiredBefore = (at: Date): Date => new Date(at.getTime() - SETUP_TOKEN_MS);
