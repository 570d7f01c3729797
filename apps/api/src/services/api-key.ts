import { tokenKind } from '@muster/contracts';
import type { Database } from '@muster/db';
import { hashToken, issueToken } from '../domain/tokens.js';
import type { OperatorIdentity } from '../domain/operator-identity.js';
import { TokenInvalidError } from '../errors.js';
import { lockFirstOrganization } from './first-organization.js';

const LAST_USED_GRAIN_MS = 3_600_000;

export interface ApiKeyService {
  /** @throws TokenInvalidError for a key that is malformed, unknown, expired or revoked. */
  authenticate(token: string): Promise<OperatorIdentity>;

  /**
   * Makes sure that somebody can get in: accepts `adminKey` as an admin of the first organization if one is given;
   * without it, makes a first admin key on a database that has no key at all. `handOver` is given that key before it
   * counts: should it fail, no key was made, and the next start makes one. Safe for several processes at once.
   */
  bootstrap(adminKey: string | null, handOver: (key: string) => Promise<void>): Promise<void>;
}

const invalid = () => new TokenInvalidError('The API key is not valid, or no longer.');

export function createApiKeyService({ prisma }: Database, { now }: { now: () => Date }): ApiKeyService {
  return {
    async authenticate(token) {
      if (tokenKind(token) !== 'key') throw invalid();
      const at = now();
      const key = await prisma.apiKey.findUnique({ where: { hash: hashToken(token) } });
      if (key === null || key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= at)) throw invalid();
      if (key.lastUsedAt === null || at.getTime() - key.lastUsedAt.getTime() > LAST_USED_GRAIN_MS) {
        await prisma.apiKey.updateMany({ where: { id: key.id }, data: { lastUsedAt: at } });
      }
      return { organizationId: key.organizationId, actor: `api_key:${key.id}`, role: key.role };
    },

    async bootstrap(adminKey, handOver) {
      const at = now();
      await prisma.$transaction(async (tx) => {
        const organizationId = await lockFirstOrganization(tx, at);
        const { token, hash } = adminKey === null ? issueToken('key') : { token: adminKey, hash: hashToken(adminKey) };
        const known = await tx.apiKey.count({ where: adminKey === null ? {} : { hash } });
        if (known > 0) return;
        const name = adminKey === null ? 'First admin key' : 'MUSTER_ADMIN_KEY';
        await tx.apiKey.create({ data: { organizationId, hash, name, role: 'admin', createdAt: at } });
        if (adminKey === null) await handOver(token);
      });
    },
  };
}
