import type {
  EnrollmentToken,
  EnrollmentTokenCreated,
  EnrollmentTokenQuery,
  EnrollmentTokenRequest,
  HostLabels,
  Page,
} from '@muster/contracts';
import { transact, type Database, type Prisma } from '@muster/db';
import { paginate } from '../../lib/paginate.js';
import { issueToken } from '../../lib/tokens.js';
import type { OperatorIdentity } from '../identity/index.js';
import { lockOperator, revokeCredential } from '../accounts/index.js';
import { recordAuditEntry } from '../audit/index.js';

/** Creates an enrollment token. Only this result contains the token itself. */
export const createEnrollmentToken = (
  db: Database,
  operator: OperatorIdentity,
  request: EnrollmentTokenRequest,
  at: Date,
): Promise<EnrollmentTokenCreated> => transact(db, (tx) => insertEnrollmentToken(tx, operator, request, at));

/** Lists an organization's enrollment tokens, newest first, including used-up, expired and revoked ones. */
export async function listEnrollmentTokens(
  db: Database,
  organizationId: string,
  query: EnrollmentTokenQuery,
): Promise<Page<EnrollmentToken>> {
  const { items, nextCursor } = await paginate(query, ({ where, ...page }) =>
    db.prisma.enrollmentToken.findMany({ where: { organizationId, ...where }, ...page }),
  );
  return { items: items.map(toEnrollmentToken), nextCursor };
}

/**
 * Revokes an enrollment token. Hosts that enrolled with the token keep their agent tokens. Revoking a revoked token
 * does nothing.
 * @throws NotFoundError if the organization has no such token.
 */
export const revokeEnrollmentToken = (db: Database, operator: OperatorIdentity, id: string, at: Date): Promise<void> =>
  revokeCredential(db, operator, id, at, {
    kind: 'enrollment_token',
    name: 'enrollment token',
    tableOf: (tx) => tx.enrollmentToken,
    detailsOf: ({ name }: TokenRow) => ({ name }),
  });

/**
 * A token to create. A token with a `hostId` can only enroll this host again, and does not change the host's labels.
 */
type NewEnrollmentToken = Omit<EnrollmentTokenRequest, 'labels'> & { labels?: HostLabels; hostId?: string | null };

/**
 * Creates a token within a transaction and records it in the audit log. Only the returned value contains the token. A
 * token created for a host (`hostId`) enrolls no other host.
 */
export async function insertEnrollmentToken(
  tx: Prisma.TransactionClient,
  operator: OperatorIdentity,
  { name, expiresInSeconds, maxUses, labels = {}, hostId = null }: NewEnrollmentToken,
  at: Date,
): Promise<EnrollmentTokenCreated> {
  const { organizationId, actor } = operator;
  await lockOperator(tx, operator);
  const { token, hash } = issueToken('enroll');
  const expiresAt = new Date(at.getTime() + expiresInSeconds * 1000);
  const created = await tx.enrollmentToken.create({
    data: { organizationId, hash, name, maxUses, labels, hostId, createdAt: at, expiresAt, createdBy: actor },
  });
  const target = `enrollment_token:${created.id}`;
  const details = { name, maxUses, expiresAt: expiresAt.toISOString(), labels };
  await recordAuditEntry(tx, { organizationId, at, actor, action: 'enrollment_token.created', target, details });
  return { ...toEnrollmentToken(created), token };
}

type TokenRow = Prisma.EnrollmentTokenGetPayload<object>;

const toEnrollmentToken = (row: TokenRow): EnrollmentToken => ({
  id: row.id,
  name: row.name,
  maxUses: row.maxUses,
  uses: row.uses,
  createdAt: row.createdAt.toISOString(),
  expiresAt: row.expiresAt.toISOString(),
  revokedAt: row.revokedAt?.toISOString() ?? null,
  labels: row.labels as HostLabels,
});
