import {
  tokenKind,
  type ApiKey,
  type ApiKeyCreated,
  type ApiKeyRequest,
  type Page,
  type PageQuery,
} from '@muster/contracts';
import type { Database, Prisma } from '@muster/db';
import { TokenInvalidError } from '../../errors.js';
import { paginate } from '../../lib/paginate.js';
import { invalidRequest } from '../../lib/parse-or-throw.js';
import { hashToken, issueToken } from '../../lib/tokens.js';
import { auditedWrite, recordAuditEntry, type NewAuditEntry } from '../audit/index.js';
import { findActorNames, type OperatorIdentity } from '../identity/index.js';
import { lockFirstOrganization } from './add-member.js';
import { lockOperator, revokeCredential } from './credentials.js';

const LAST_USED_INTERVAL_MS = 3_600_000;

/**
 * The values that identify the key that was configured in the environment. Keys created by operators never have the
 * creator `system`.
 */
const CONFIGURED_KEY = { name: 'MUSTER_ADMIN_KEY', createdBy: 'system' };

type KeyRow = Prisma.ApiKeyGetPayload<object>;

const invalidKeyError = () => new TokenInvalidError('The API key is invalid, expired or revoked.');

/**
 * Returns the operator of an API key.
 * @throws TokenInvalidError for a key that is malformed, unknown, expired or revoked.
 */
export async function authenticateApiKey(
  { prisma }: Pick<Database, 'prisma'>,
  token: string,
  at: Date,
): Promise<OperatorIdentity> {
  if (tokenKind(token) !== 'key') throw invalidKeyError();
  const key = await prisma.apiKey.findUnique({ where: { hash: hashToken(token) } });
  if (key === null || key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= at))
    throw invalidKeyError();
  if (key.lastUsedAt === null || Math.abs(at.getTime() - key.lastUsedAt.getTime()) > LAST_USED_INTERVAL_MS) {
    await prisma.apiKey.updateMany({ where: { id: key.id }, data: { lastUsedAt: at } });
  }
  return { organizationId: key.organizationId, actor: `api_key:${key.id}`, role: key.role };
}

/**
 * Creates an API key. Only this result contains the key itself.
 * @throws InvalidRequestError for `expiresAt` if it is in the past, or after the expiry of the key that the caller
 * uses.
 */
export async function createApiKey(
  db: Database,
  operator: OperatorIdentity,
  { name, role, expiresAt: end }: ApiKeyRequest,
  at: Date,
): Promise<ApiKeyCreated> {
  const { organizationId, actor } = operator;
  const expiresAt = end === null ? null : new Date(end);
  if (expiresAt !== null && expiresAt <= at)
    throw invalidRequest([{ path: '/expiresAt', message: 'must be in the future' }]);
  // Everything that can fail comes before the commit. If the request failed after the commit, the key would exist but
  // would never be shown.
  const names = await findActorNames(db, [actor]);
  const { token, hash } = issueToken('key');
  return auditedWrite(db, operator, at, async (tx, record) => {
    const creatorExpiresAt = await lockOperator(tx, operator);
    if (creatorExpiresAt !== null && (expiresAt === null || expiresAt > creatorExpiresAt)) {
      const message = `must not be after ${creatorExpiresAt.toISOString()}, when the key that creates this one expires`;
      throw invalidRequest([{ path: '/expiresAt', message }]);
    }
    const created = await tx.apiKey.create({
      data: { organizationId, hash, name, role, createdAt: at, expiresAt, createdBy: actor },
    });
    const details = { name, role, expiresAt: expiresAt?.toISOString() ?? null };
    await record('api_key.created', `api_key:${created.id}`, details);
    return { ...toApiKey(created, names), key: token };
  });
}

/** Lists an organization's API keys, newest first, including expired and revoked ones. */
export async function listApiKeys(db: Database, organizationId: string, query: PageQuery): Promise<Page<ApiKey>> {
  const { items, nextCursor } = await paginate(query, ({ where, ...page }) =>
    db.prisma.apiKey.findMany({ where: { organizationId, ...where }, ...page }),
  );
  const creators = items.map(({ createdBy }) => createdBy ?? '');
  const names = await findActorNames(db, creators);
  return { items: items.map((row) => toApiKey(row, names)), nextCursor };
}

/**
 * Revokes an API key, effective at the next call. Revoking a revoked key does nothing.
 * @throws NotFoundError if the organization has no such key.
 */
export const revokeApiKey = (db: Database, operator: OperatorIdentity, id: string, at: Date): Promise<void> =>
  revokeCredential(db, operator, id, at, {
    kind: 'api_key',
    name: 'API key',
    tableOf: (tx) => tx.apiKey,
    detailsOf: ({ name, role }: KeyRow) => ({ name, role }),
  });

const toApiKey = ({ id, name, role, createdBy, ...dates }: KeyRow, names: ReadonlyMap<string, string>): ApiKey => ({
  id,
  name,
  role,
  createdAt: dates.createdAt.toISOString(),
  createdBy,
  createdByName: names.get(createdBy ?? '') ?? null,
  expiresAt: dates.expiresAt?.toISOString() ?? null,
  lastUsedAt: dates.lastUsedAt?.toISOString() ?? null,
  revokedAt: dates.revokedAt?.toISOString() ?? null,
});

/**
 * Ensures that an admin key exists. If `adminKey` is set, accepts it as an admin key of the first organization and
 * revokes the previously configured key. Otherwise, creates a first admin key if the database has no key at all.
 * `deliver` receives the first admin key before the transaction commits. If `deliver` fails, no key is created, and the
 * next start creates one. Several processes can safely call this function at the same time. Returns false if `adminKey`
 * was revoked or replaced earlier, because such a key is never accepted again.
 */
export function ensureAdminKey(
  { prisma }: Pick<Database, 'prisma'>,
  adminKey: string | null,
  at: Date,
  deliver: (key: string) => Promise<void>,
): Promise<boolean> {
  return prisma.$transaction(async (tx) => {
    const organizationId = await lockFirstOrganization(tx, at);
    if (adminKey !== null) return acceptConfiguredKey(tx, organizationId, adminKey, at);
    if ((await tx.apiKey.count()) > 0) return true;
    const { token, hash } = issueToken('key');
    const facts = { name: 'First admin key', role: 'admin', createdBy: 'system' } as const;
    const key = await tx.apiKey.create({ data: { organizationId, hash, createdAt: at, ...facts } });
    await recordAuditEntry(tx, keyAuditEntry(key, 'api_key.created', at));
    await deliver(token);
    return true;
  });
}

async function acceptConfiguredKey(
  tx: Prisma.TransactionClient,
  organizationId: string,
  adminKey: string,
  at: Date,
): Promise<boolean> {
  const hash = hashToken(adminKey);
  const existing = await tx.apiKey.findUnique({ where: { hash } });
  if (existing !== null && existing.revokedAt !== null) return false;
  if (existing === null) {
    const data = { organizationId, hash, role: 'admin', createdAt: at, ...CONFIGURED_KEY } as const;
    await recordAuditEntry(tx, keyAuditEntry(await tx.apiKey.create({ data }), 'api_key.created', at));
  }
  const replaced = await tx.apiKey.updateManyAndReturn({
    where: { organizationId, ...CONFIGURED_KEY, revokedAt: null, NOT: { hash } },
    data: { revokedAt: at },
  });
  for (const key of replaced) await recordAuditEntry(tx, keyAuditEntry(key, 'api_key.revoked', at));
  return true;
}

/** Returns the audit entry for a key that this process created or revoked without a request of an operator. */
const keyAuditEntry = (
  { organizationId, id, name, role }: KeyRow,
  action: NewAuditEntry['action'],
  at: Date,
): NewAuditEntry => ({
  organizationId,
  at,
  actor: 'system',
  action,
  target: `api_key:${id}`,
  details: { name, role },
});
