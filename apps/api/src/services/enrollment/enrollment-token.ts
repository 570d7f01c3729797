import type {
  EnrollmentToken,
  EnrollmentTokenCreated,
  EnrollmentTokenQuery,
  EnrollmentTokenRequest,
  Page,
} from '@muster/contracts';
import { transact, type Database, type Prisma } from '@muster/db';
import { decodeCursor, encodeCursor } from '../../lib/cursor.js';
import { issueToken } from '../../lib/tokens.js';
import { NotFoundError } from '../../errors.js';
import type { OperatorIdentity } from '../identity/index.js';
import { lockOperator } from '../accounts/index.js';
import { recordAuditEntry } from '../audit/index.js';

export interface EnrollmentTokenService {
  /** Creates a token. Only this answer contains it. */
  create(operator: OperatorIdentity, request: EnrollmentTokenRequest): Promise<EnrollmentTokenCreated>;

  /** Lists the organization's tokens, newest first, including used-up, expired and revoked ones. */
  list(operator: OperatorIdentity, query: EnrollmentTokenQuery): Promise<Page<EnrollmentToken>>;

  /**
   * Revokes a token. Hosts that it enrolled keep their own tokens. Revoking a revoked token does nothing.
   * @throws NotFoundError if the organization has no such token.
   */
  revoke(operator: OperatorIdentity, id: string): Promise<void>;
}

export function createEnrollmentTokenService(db: Database, { now }: { now: () => Date }): EnrollmentTokenService {
  return {
    async create(operator, request) {
      return transact(db, (tx) => insertEnrollmentToken(tx, operator, request, now()));
    },

    async list({ organizationId }, { cursor, limit }) {
      const after = cursor === undefined ? undefined : decodeCursor(cursor, ['uuid'])[0];
      const rows = await db.prisma.enrollmentToken.findMany({
        where: { organizationId, ...(after === undefined ? {} : { id: { lt: after } }) },
        orderBy: { id: 'desc' },
        take: limit + 1,
      });
      const items = rows.slice(0, limit).map(toView);
      return { items, nextCursor: rows.length > limit ? encodeCursor([items.at(-1)!.id]) : null };
    },

    async revoke({ organizationId, actor }, id) {
      const at = now();
      await transact(db, async (tx) => {
        const existing = await tx.enrollmentToken.findFirst({ where: { id, organizationId } });
        if (existing === null) throw new NotFoundError('enrollment token');
        const { count } = await tx.enrollmentToken.updateMany({
          where: { id, organizationId, revokedAt: null },
          data: { revokedAt: at },
        });
        if (count === 0) return;
        const target = `enrollment_token:${id}`;
        await recordAuditEntry(tx, {
          ...{ organizationId, at, target },
          actor,
          action: 'enrollment_token.revoked',
          details: { name: existing.name },
        });
      });
    },
  };
}

/**
 * Creates a token within a transaction and records it in the audit log. Only the returned value contains the token. A
 * token created for a host (`hostId`) enrolls no other host.
 */
export async function insertEnrollmentToken(
  tx: Prisma.TransactionClient,
  operator: OperatorIdentity,
  { name, expiresInSeconds, maxUses, hostId = null }: EnrollmentTokenRequest & { hostId?: string | null },
  at: Date,
): Promise<EnrollmentTokenCreated> {
  const { organizationId, actor } = operator;
  await lockOperator(tx, operator);
  const { token, hash } = issueToken('enroll');
  const expiresAt = new Date(at.getTime() + expiresInSeconds * 1000);
  const created = await tx.enrollmentToken.create({
    data: { organizationId, hash, name, maxUses, hostId, createdAt: at, expiresAt, createdBy: actor },
  });
  const target = `enrollment_token:${created.id}`;
  const details = { name, maxUses, expiresAt: expiresAt.toISOString() };
  await recordAuditEntry(tx, { organizationId, at, actor, action: 'enrollment_token.created', target, details });
  return { ...toView(created), token };
}

const toView = (row: Prisma.EnrollmentTokenGetPayload<object>): EnrollmentToken => ({
  id: row.id,
  name: row.name,
  maxUses: row.maxUses,
  uses: row.uses,
  createdAt: row.createdAt.toISOString(),
  expiresAt: row.expiresAt.toISOString(),
  revokedAt: row.revokedAt?.toISOString() ?? null,
});
