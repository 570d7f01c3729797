import type { Database, Prisma } from '@muster/db';
import type { OperatorIdentity } from '../identity/index.js';
import { ForbiddenError, NotFoundError, TokenInvalidError } from '../../errors.js';
import { auditedWrite, recordAuditEntry, type NewAuditEntry } from '../audit/index.js';

/**
 * Locks the member or the API key that an operator acts as. The member cannot be removed, and the key cannot be
 * revoked, before the transaction ends. Because a removal or revocation waits for this lock,
 * `revokeCredentialsCreatedBy` finds every credential that the operator created. Returns the key's expiry; null for a
 * user and for a key without expiry.
 * @throws TokenInvalidError if the member was removed or the key revoked after the request was authenticated.
 * @throws ForbiddenError if the member's role was changed after the request was authenticated.
 */
export async function lockOperator(tx: Prisma.TransactionClient, operator: OperatorIdentity): Promise<Date | null> {
  const { organizationId, actor, role } = operator;
  const [kind, id] = actor.split(':') as ['api_key' | 'user', string];
  const [row] =
    kind === 'user'
      ? await tx.$queryRaw<OperatorRow[]>`
          SELECT NULL::timestamptz AS "expiresAt", role::text AS role FROM members
          WHERE "userId" = ${id} AND "organizationId" = ${organizationId} FOR SHARE`
      : await tx.$queryRaw<OperatorRow[]>`
          SELECT "expiresAt", role::text AS role FROM api_keys
          WHERE id = ${id}::uuid AND "organizationId" = ${organizationId} AND "revokedAt" IS NULL FOR SHARE`;
  if (row === undefined) throw new TokenInvalidError('The credentials are no longer valid.');
  if (row.role !== role) throw new ForbiddenError('Your role has been changed.');
  return row.expiresAt;
}

interface OperatorRow {
  expiresAt: Date | null;
  role: string;
}

/** A kind of credential that is revoked, not deleted. */
export interface RevocableCredential<Row> {
  kind: 'api_key' | 'enrollment_token';
  /** The name of this kind in error messages. */
  name: string;
  tableOf: (tx: Prisma.TransactionClient) => {
    findFirst(query: { where: { id: string; organizationId: string } }): Promise<Row | null>;
    updateMany(change: {
      where: { id: string; organizationId: string; revokedAt: null };
      data: { revokedAt: Date };
    }): Promise<{ count: number }>;
  };
  detailsOf: (row: Row) => Prisma.InputJsonObject;
}

/**
 * Revokes a credential and records the revocation in the audit log. Revoking a revoked credential does nothing.
 * @throws NotFoundError if the organization has no such credential.
 */
export async function revokeCredential<Row>(
  db: Database,
  operator: OperatorIdentity,
  id: string,
  at: Date,
  { kind, name, tableOf, detailsOf }: RevocableCredential<Row>,
): Promise<void> {
  const { organizationId } = operator;
  await auditedWrite(db, operator, at, async (tx, record) => {
    const existing = await tableOf(tx).findFirst({ where: { id, organizationId } });
    if (existing === null) throw new NotFoundError(name);
    const { count } = await tableOf(tx).updateMany({
      where: { id, organizationId, revokedAt: null },
      data: { revokedAt: at },
    });
    if (count > 0) await record(`${kind}.revoked`, `${kind}:${id}`, detailsOf(existing));
  });
}

export interface RevocationScope {
  organizationId: string;
  /**
   * The person whose credentials are revoked. Before the revocation, the transaction must have removed the member or
   * changed the member's role.
   */
  userId: string;
  /** The actor for the audit log: an operator, or `system` if a role claim causes the revocation. */
  actor: NewAuditEntry['actor'];
  at: Date;
}

/** The reason why a person's credentials are revoked. */
type RevocationReason = 'member.removed' | 'member.role_changed' | 'member.role_claim_unmatched';

/**
 * Revokes all credentials that stem from a person: the API keys that the person created, the keys created with those
 * keys, and the enrollment tokens created by the person or with any of these keys. Records each revocation in the audit
 * log with the reason. If the person became a viewer (`member.role_changed`), keys with the role viewer stay valid,
 * because a viewer may do what these keys allow.
 */
export async function revokeCredentialsCreatedBy(
  tx: Prisma.TransactionClient,
  scope: RevocationScope,
  reason: RevocationReason,
): Promise<void> {
  const { organizationId, userId, actor, at } = scope;
  const person = `user:${userId}`;
  const sharedFields = { organizationId, at, actor };
  const details = { reason };
  let creators: string[];
  for (;;) {
    const keys = await tx.$queryRaw<{ id: string; name: string; role: string; isActive: boolean }[]>`
      WITH RECURSIVE created AS (
        SELECT id FROM api_keys WHERE "organizationId" = ${organizationId} AND "createdBy" = ${person}
        UNION
        SELECT k.id FROM api_keys k JOIN created c ON k."createdBy" = 'api_key:' || c.id
        WHERE k."organizationId" = ${organizationId}
      )
      SELECT k.id::text AS id, k.name, k.role::text AS role, k."revokedAt" IS NULL AS "isActive"
      FROM api_keys k JOIN created USING (id) ORDER BY k.id`;
    creators = [person, ...keys.map(({ id }) => `api_key:${id}`)];
    const active = keys.filter(
      ({ isActive, role }) => isActive && (reason !== 'member.role_changed' || role === 'admin'),
    );
    // While this update waits for the lock on a key, a request with that key may create another key. The search is
    // therefore repeated until it finds no active key.
    if (active.length === 0) break;
    await tx.apiKey.updateMany({ where: { id: { in: active.map(({ id }) => id) } }, data: { revokedAt: at } });
    for (const { id, name, role } of active) {
      const target = `api_key:${id}`;
      await recordAuditEntry(tx, {
        ...sharedFields,
        action: 'api_key.revoked',
        target,
        details: { name, role, ...details },
      });
    }
  }
  const tokens = await tx.enrollmentToken.updateManyAndReturn({
    where: { organizationId, createdBy: { in: creators }, revokedAt: null, expiresAt: { gt: at } },
    data: { revokedAt: at },
  });
  for (const { id, name } of tokens) {
    const target = `enrollment_token:${id}`;
    await recordAuditEntry(tx, {
      ...sharedFields,
      action: 'enrollment_token.revoked',
      target,
      details: { name, ...details },
    });
  }
}

/**
 * Revokes the open invitations that a person created. With such an invitation, the person could get a lost role back.
 * Records each revocation in the audit log with the reason.
 */
export async function revokeInvitationsCreatedBy(
  tx: Prisma.TransactionClient,
  scope: RevocationScope,
  reason: RevocationReason,
): Promise<void> {
  const { organizationId, userId, actor, at } = scope;
  const where = { organizationId, createdBy: `user:${userId}` };
  for (const { id, email, role } of await tx.invitation.findMany({ where })) {
    await tx.invitation.deleteMany({ where: { id } });
    const details = { email, role, reason };
    const target = `invitation:${id}`;
    await recordAuditEntry(tx, { organizationId, at, actor, action: 'invitation.revoked', target, details });
  }
}
