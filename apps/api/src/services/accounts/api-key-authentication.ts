import { tokenKind } from '@muster/contracts';
import type { Database, Prisma } from '@muster/db';
import { hashToken, issueToken } from '../../lib/tokens.js';
import type { OperatorIdentity } from '../identity/index.js';
import { TokenInvalidError } from '../../errors.js';
import { recordAuditEntry, type NewAuditEntry } from '../audit/index.js';
import { lockFirstOrganization } from './first-organization.js';

const LAST_USED_INTERVAL_MS = 3_600_000;

export interface ApiKeyAuthenticator {
  /**
   * Returns the operator of an API key.
   * @throws TokenInvalidError for a key that is malformed, unknown, expired or revoked.
   */
  authenticate(token: string): Promise<OperatorIdentity>;

  /**
   * Ensures that an admin key exists. With `adminKey`, accepts it as an admin key of the first organization and revokes
   * the one that was configured before. Without it, creates a first admin key if the database has no key at all.
   * `handOver` receives that key before the transaction commits: if it fails, no key is created, and the next start
   * creates one. Safe for several processes at once. Returns false if `adminKey` was revoked or replaced earlier: such
   * a key is never accepted again.
   */
  bootstrap(adminKey: string | null, deliver: (key: string) => Promise<void>): Promise<boolean>;
}

/** Identifies the configured key. No operator's key has the creator `system`. */
const CONFIGURED = { name: 'MUSTER_ADMIN_KEY', createdBy: 'system' };

const invalid = () => new TokenInvalidError('The API key is invalid, expired or revoked.');

export function createApiKeyAuthenticator({ prisma }: Database, { now }: { now: () => Date }): ApiKeyAuthenticator {
  return {
    async authenticate(token) {
      if (tokenKind(token) !== 'key') throw invalid();
      const at = now();
      const key = await prisma.apiKey.findUnique({ where: { hash: hashToken(token) } });
      if (key === null || key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= at)) throw invalid();
      if (key.lastUsedAt === null || Math.abs(at.getTime() - key.lastUsedAt.getTime()) > LAST_USED_INTERVAL_MS) {
        await prisma.apiKey.updateMany({ where: { id: key.id }, data: { lastUsedAt: at } });
      }
      return { organizationId: key.organizationId, actor: `api_key:${key.id}`, role: key.role };
    },

    async bootstrap(adminKey, deliver) {
      const at = now();
      return prisma.$transaction(async (tx) => {
        const organizationId = await lockFirstOrganization(tx, at);
        if (adminKey !== null) return acceptConfigured(tx, organizationId, adminKey, at);
        if ((await tx.apiKey.count()) > 0) return true;
        const { token, hash } = issueToken('key');
        const facts = { name: 'First admin key', role: 'admin', createdBy: 'system' } as const;
        const key = await tx.apiKey.create({ data: { organizationId, hash, createdAt: at, ...facts } });
        await recordAuditEntry(tx, keyAuditEntry(key, 'api_key.created', at));
        await deliver(token);
        return true;
      });
    },
  };
}

async function acceptConfigured(
  tx: Prisma.TransactionClient,
  organizationId: string,
  adminKey: string,
  at: Date,
): Promise<boolean> {
  const hash = hashToken(adminKey);
  const known = await tx.apiKey.findUnique({ where: { hash } });
  if (known !== null && known.revokedAt !== null) return false;
  if (known === null) {
    const data = { organizationId, hash, role: 'admin', createdAt: at, ...CONFIGURED } as const;
    await recordAuditEntry(tx, keyAuditEntry(await tx.apiKey.create({ data }), 'api_key.created', at));
  }
  const replaced = await tx.apiKey.updateManyAndReturn({
    where: { organizationId, ...CONFIGURED, revokedAt: null, NOT: { hash } },
    data: { revokedAt: at },
  });
  for (const key of replaced) await recordAuditEntry(tx, keyAuditEntry(key, 'api_key.revoked', at));
  return true;
}

type KeyRow = Prisma.ApiKeyGetPayload<object>;

/** Returns the audit entry for a change that the process itself makes to a key. */
const keyAuditEntry = (
  { organizationId, id, name, role }: KeyRow,
  action: NewAuditEntry['action'],
  at: Date,
): NewAuditEntry => ({
  ...{ organizationId, at, actor: 'system', action, target: `api_key:${id}` },
  details: { name, role },
});
