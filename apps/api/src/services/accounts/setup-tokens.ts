import { tokenKind } from '@muster/contracts';
import type { Database, Prisma } from '@muster/db';
import { hashToken, issueToken } from '../../lib/tokens.js';
import { lockFirstOrganization } from './first-organization.js';

/**
 * Lifetime of a setup link in milliseconds. It ends earlier when a user is created. Each start creates another link.
 */
const SETUP_TOKEN_MS = 7 * 86_400_000;

export interface SetupTokens {
  /**
   * Creates a token for a setup link if there is no user yet. `handOver` receives the token before the transaction
   * commits: if it fails, no token is created. Processes that start at once create one token each; using any of them
   * invalidates all.
   */
  issue(deliver: (token: string) => Promise<void>): Promise<void>;

  /** Returns whether there is no user yet and the token was issued and has not expired. */
  isValid(tx: Pick<Prisma.TransactionClient, 'user' | 'setupToken'>, token: string): Promise<boolean>;
}

export function createSetupTokens({ prisma }: Database, { now }: { now: () => Date }): SetupTokens {
  const oldest = () => new Date(now().getTime() - SETUP_TOKEN_MS);

  return {
    async issue(deliver) {
      await prisma.$transaction(async (tx) => {
        await lockFirstOrganization(tx, now());
        if ((await tx.user.count()) > 0) return;
        await tx.setupToken.deleteMany({ where: { createdAt: { lte: oldest() } } });
        const { token, hash } = issueToken('setup');
        await tx.setupToken.create({ data: { hash, createdAt: now() } });
        await deliver(token);
      });
    },

    async isValid(tx, token) {
      if (tokenKind(token) !== 'setup') return false;
      const issued = await tx.setupToken.count({ where: { hash: hashToken(token), createdAt: { gt: oldest() } } });
      return issued > 0 && (await tx.user.count()) === 0;
    },
  };
}
