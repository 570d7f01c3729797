import type { ApiKey, ApiKeyCreated, ApiKeyRequest, Page, PageQuery } from '@muster/contracts';
import { transact, type Database, type Prisma } from '@muster/db';
import { decodeCursor, encodeCursor } from '../../lib/cursor.js';
import { type OperatorIdentity, findActorNames } from '../identity/index.js';
import { issueToken } from '../../lib/tokens.js';
import { invalidRequest } from '../../lib/parse-or-throw.js';
import { NotFoundError } from '../../errors.js';
import { lockOperator } from './credentials.js';
import { recordAuditEntry } from '../audit/index.js';

/** An organization's API keys. Removing a member revokes those that they created, unless the owner keeps them. */
export interface ApiKeyManagement {
  /**
   * Creates a key. Only this answer contains it.
   * @throws InvalidRequestError naming `expiresAt` if it is in the past, or after the expiry of the key that creates
   *   this one.
   */
  create(operator: OperatorIdentity, request: ApiKeyRequest): Promise<ApiKeyCreated>;

  /** Lists the organization's keys, newest first, including expired and revoked ones. */
  list(operator: OperatorIdentity, query: PageQuery): Promise<Page<ApiKey>>;

  /**
   * Revokes a key, effective at the next call. Revoking a revoked key does nothing.
   * @throws NotFoundError if the organization has no such key.
   */
  revoke(operator: OperatorIdentity, id: string): Promise<void>;
}

export function createApiKeyManagement(db: Database, { now }: { now: () => Date }): ApiKeyManagement {
  return {
    async create(operator, { name, role, expiresAt: end }) {
      const { organizationId, actor } = operator;
      const at = now();
      const expiresAt = end === null ? null : new Date(end);
      if (expiresAt !== null && expiresAt <= at)
        throw invalidRequest([{ path: '/expiresAt', message: 'must be in the future' }]);
      // Everything that can fail comes before the commit: a key whose answer failed would never be shown.
      const names = await findActorNames(db, [actor]);
      const { token, hash } = issueToken('key');
      return transact(db, async (tx) => {
        const creatorEnd = await lockOperator(tx, operator);
        if (creatorEnd !== null && (expiresAt === null || expiresAt > creatorEnd)) {
          const message = `must not be after ${creatorEnd.toISOString()}, when the key that creates this one expires`;
          throw invalidRequest([{ path: '/expiresAt', message }]);
        }
        const created = await tx.apiKey.create({
          data: { organizationId, hash, name, role, createdAt: at, expiresAt, createdBy: actor },
        });
        const target = `api_key:${created.id}`;
        const details = { name, role, expiresAt: expiresAt?.toISOString() ?? null };
        await recordAuditEntry(tx, { organizationId, at, actor, action: 'api_key.created', target, details });
        return { ...toView(created, names), key: token };
      });
    },

    async list({ organizationId }, { cursor, limit }) {
      const after = cursor === undefined ? undefined : decodeCursor(cursor, ['uuid'])[0];
      const rows = await db.prisma.apiKey.findMany({
        where: { organizationId, ...(after === undefined ? {} : { id: { lt: after } }) },
        orderBy: { id: 'desc' },
        take: limit + 1,
      });
      const shown = rows.slice(0, limit);
      const names = await findActorNames(
        db,
        shown.map(({ createdBy }) => createdBy ?? ''),
      );
      const items = shown.map((row) => toView(row, names));
      return { items, nextCursor: rows.length > limit ? encodeCursor([items.at(-1)!.id]) : null };
    },

    async revoke({ organizationId, actor }, id) {
      const at = now();
      await transact(db, async (tx) => {
        const existing = await tx.apiKey.findFirst({ where: { id, organizationId } });
        if (existing === null) throw new NotFoundError('API key');
        const { count } = await tx.apiKey.updateMany({
          where: { id, organizationId, revokedAt: null },
          data: { revokedAt: at },
        });
        if (count === 0) return;
        const target = `api_key:${id}`;
        const details = { name: existing.name, role: existing.role };
        await recordAuditEntry(tx, { organizationId, at, actor, action: 'api_key.revoked', target, details });
      });
    },
  };
}

const toView = (
  { id, name, role, createdBy, ...dates }: Prisma.ApiKeyGetPayload<object>,
  names: ReadonlyMap<string, string>,
): ApiKey => ({
  ...{ id, name, role, createdAt: dates.createdAt.toISOString() },
  ...{ createdBy, createdByName: names.get(createdBy ?? '') ?? null },
  expiresAt: dates.expiresAt?.toISOString() ?? null,
  lastUsedAt: dates.lastUsedAt?.toISOString() ?? null,
  revokedAt: dates.revokedAt?.toISOString() ?? null,
});
