import { tokenKind } from '@muster/contracts';
import type { Database, Prisma } from '@muster/db';
import { hashToken, issueToken } from '../../lib/tokens.js';
import { lockFirstOrganization } from './first-organization.js';

/** How long a set-up link is good, unless a user is made before. Another start makes another. */
const SETUP_TOKEN_MS = 7 * 86_400_000;

export interface SetupTokens {
  /**
   * While there is no user, makes a token for a set-up link. `handOver` is given it before it counts: should it fail,
   * there is no such token. Processes that start at once make one each, and the first that is used ends all of them.
   */
  issue(handOver: (token: string) => Promise<void>): Promise<void>;

  /** Whether there is no user yet, and the token is one that was issued not too long ago. */
  isGood(tx: Pick<Prisma.TransactionClient, 'user' | 'setupToken'>, token: string): Promise<boolean>;
}

export function createSetupTokens({ prisma }: Database, { now }: { now: () => Date }): SetupTokens {
  const oldest = () => new Date(now().getTime() - SETUP_TOKEN_MS);

  return {
    async issue(handOver) {
      await prisma.$transaction(async (tx) => {
        await lockFirstOrganization(tx, now());
        if ((await tx.user.count()) > 0) return;
        await tx.setupToken.deleteMany({ where: { createdAt: { lte: oldest() } } });
        const { token, hash } = issueToken('setup');
        await tx.setupToken.create({ data: { hash, createdAt: now() } });
        await handOver(token);
      });
    },

    async isGood(tx, token) {
      if (tokenKind(token) !== 'setup') return false;
      const issued = await tx.setupToken.count({ where: { hash: hashToken(token), createdAt: { gt: oldest() } } });
      return issued > 0 && (await tx.user.count()) === 0;
    },
  };
}
