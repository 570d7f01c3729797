import { tokenKind, type Role } from '@muster/contracts';
import type { Database } from '@muster/db';
import { hashToken, issueToken } from '../domain/tokens.js';
import { TokenInvalidError } from '../errors.js';

/** The organization that a fresh installation starts with. */
const FIRST_ORGANIZATION = { id: 'default', name: 'Default', slug: 'default' };

const LAST_USED_GRAIN_MS = 3_600_000;

/** Who an API key speaks for. */
export interface OperatorIdentity {
  organizationId: string;
  apiKeyId: string;
  role: Role;
}

export interface ApiKeyService {
  /** @throws TokenInvalidError for a key that is malformed, unknown, expired or revoked. */
  authenticate(token: string): Promise<OperatorIdentity>;

  /**
   * Makes sure that somebody can get in: accepts `adminKey` as an admin of the first organization if one is given;
   * without it, makes a first admin key on a database that has no key at all, and resolves with that key, which is
   * shown this once. Resolves with null where nothing was made. Safe for several processes at once.
   */
  bootstrap(adminKey: string | null): Promise<string | null>;
}

const invalid = () => new TokenInvalidError('The API key is not valid, or no longer.');

export function createApiKeyService(
  { prisma }: Database,
  { now = () => new Date() }: { now?: () => Date } = {},
): ApiKeyService {
  return {
    async authenticate(token) {
      if (tokenKind(token) !== 'key') throw invalid();
      const at = now();
      const key = await prisma.apiKey.findUnique({ where: { hash: hashToken(token) } });
      if (key === null || key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= at)) throw invalid();
      if (key.lastUsedAt === null || at.getTime() - key.lastUsedAt.getTime() > LAST_USED_GRAIN_MS) {
        await prisma.apiKey.updateMany({ where: { id: key.id }, data: { lastUsedAt: at } });
      }
      return { organizationId: key.organizationId, apiKeyId: key.id, role: key.role };
    },

    async bootstrap(adminKey) {
      const at = now();
      const organizationId = FIRST_ORGANIZATION.id;
      return prisma.$transaction(async (tx) => {
        // Creating the organization is what two processes starting at once wait for each other on.
        await tx.$executeRaw`
          INSERT INTO organizations (id, name, slug, "createdAt")
          VALUES (${organizationId}, ${FIRST_ORGANIZATION.name}, ${FIRST_ORGANIZATION.slug}, ${at})
          ON CONFLICT (id) DO NOTHING`;
        await tx.$queryRaw`SELECT id FROM organizations WHERE id = ${organizationId} FOR NO KEY UPDATE`;
        const issued = adminKey === null ? issueToken('key') : { token: adminKey, hash: hashToken(adminKey) };
        const taken = adminKey === null ? {} : { hash: issued.hash };
        if ((await tx.apiKey.count({ where: taken })) > 0) return null;
        const name = adminKey === null ? 'First admin key' : 'MUSTER_ADMIN_KEY';
        await tx.apiKey.create({
          data: { organizationId, hash: issued.hash, name, role: 'admin', createdAt: at },
        });
        return adminKey === null ? issued.token : null;
      });
    },
  };
}
