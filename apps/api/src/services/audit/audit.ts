import type { AuditEntry, AuditQuery, Page } from '@muster/contracts';
import { Prisma, transact, type Database } from '@muster/db';
import { paginate } from '../../lib/paginate.js';
import { findActorNames, type OperatorActor } from '../identity/index.js';

/** The actor of an audit entry: an operator, `enrollment_token:<id>`, a host's agent (`host:<id>`) or `system`. */
export type Actor = OperatorActor | `enrollment_token:${string}` | `host:${string}` | 'system';

/** All actions of the audit log. `host.enrolled` is recorded in SQL (services/enrollment/enroll-new-host.sql.ts). */
export const AUDIT_ACTIONS = [
  'host.enrolled',
  'host.reenrolled',
  'host.left',
  'host.token_rotated',
  'host.renamed',
  'host.labels_changed',
  'host.engine_changed',
  'host.deleted',
  'enrollment_token.created',
  'enrollment_token.revoked',
  'user.joined',
  'user.vouched_for',
  'user.signed_in',
  'user.sign_in_failed',
  'user.signed_out',
  'user.password_changed',
  'member.role_changed',
  'member.removed',
  'invitation.created',
  'invitation.revoked',
  'api_key.created',
  'api_key.revoked',
] as const;
type AuditAction = (typeof AUDIT_ACTIONS)[number];

export interface NewAuditEntry {
  organizationId: string;
  at: Date;
  actor: Actor;
  action: AuditAction;
  /** The object of the action, prefixed with its kind: `host:<id>`, `enrollment_token:<id>`, `user:<id>` and so on. */
  target: string;
  details?: Prisma.InputJsonObject;
}

/**
 * Records an action in the transaction that performs the action, so that the action and its audit entry are committed
 * together. The only exception is sign-in, because better-auth creates sessions outside a transaction. If the audit
 * entry of a session cannot be written, the session is deleted again (better-auth.ts).
 */
export const recordAuditEntry = (tx: Pick<Prisma.TransactionClient, 'auditEntry'>, entry: NewAuditEntry) =>
  tx.auditEntry.create({ data: entry });

/** Records actions with one statement, in the transaction that performs them and in the given order. */
export const recordAuditEntries = (
  tx: Pick<Prisma.TransactionClient, '$executeRaw'>,
  entries: readonly NewAuditEntry[],
) =>
  tx.$executeRaw(Prisma.sql`
    INSERT INTO audit_entries ("organizationId", at, actor, action, target, details)
    SELECT "organizationId", at, actor, action, target, COALESCE(details, '{}')
    FROM json_to_recordset(${JSON.stringify(entries)}::json) AS entry (
      "organizationId" text, at timestamptz, actor text, action text, target text, details jsonb)`);

/** Records an action in the transaction of an `auditedWrite`. */
export type RecordAction = (
  action: NewAuditEntry['action'],
  target: string,
  details?: Prisma.InputJsonObject,
) => Promise<unknown>;

/** Runs `write` in a transaction. `write` calls `record` to add audit entries in the same transaction. */
export const auditedWrite = <T>(
  db: Database,
  { organizationId, actor }: Pick<NewAuditEntry, 'organizationId' | 'actor'>,
  at: Date,
  write: (tx: Prisma.TransactionClient, record: RecordAction) => Promise<T>,
): Promise<T> =>
  transact(db, (tx) =>
    write(tx, (action, target, details = {}) =>
      recordAuditEntry(tx, { organizationId, at, actor, action, target, details }),
    ),
  );

/** Lists an organization's audit entries, newest first. */
export async function listAuditEntries(
  db: Database,
  organizationId: string,
  query: AuditQuery,
): Promise<Page<AuditEntry>> {
  const { items, nextCursor } = await paginate(
    query,
    ({ where, ...page }) => db.prisma.auditEntry.findMany({ where: { organizationId, ...where }, ...page }),
    { idType: 'int8' },
  );
  const actors = items.map(({ actor }) => actor);
  const names = await findActorNames(db, actors);
  return { items: items.map((row) => toAuditEntry(row, names)), nextCursor };
}

const toAuditEntry = (
  { id, at, actor, action, target, details }: Prisma.AuditEntryGetPayload<object>,
  names: ReadonlyMap<string, string>,
): AuditEntry => ({
  id: String(id),
  at: at.toISOString(),
  actor,
  actorName: names.get(actor) ?? null,
  action,
  target,
  details: details as Record<string, unknown>,
});
