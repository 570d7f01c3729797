import type { Prisma } from '@muster/db';
import type { OperatorActor } from '../identity/index.js';

/** The actor of an audit entry: an operator, `enrollment_token:<id>`, a host's agent (`host:<id>`) or `system`. */
export type Actor = OperatorActor | `enrollment_token:${string}` | `host:${string}` | 'system';

/** Every action of the audit log. `host.enrolled` is recorded in SQL (services/enrollment/enroll-new-host.sql.ts). */
export const AUDIT_ACTIONS = [
  'host.enrolled',
  'host.reenrolled',
  'host.left',
  'host.token_rotated',
  'host.renamed',
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
  /** What the action was applied to, with its kind: `host:<id>`, `enrollment_token:<id>`, `user:<id>` and so on. */
  target: string;
  details?: Prisma.InputJsonObject;
}

/**
 * Records an action in the transaction that performs it, so that neither is committed without the other. One exception:
 * better-auth creates a session outside a transaction, so a session whose entry cannot be written is deleted again
 * (better-auth.ts).
 */
export const recordAuditEntry = (tx: Pick<Prisma.TransactionClient, 'auditEntry'>, entry: NewAuditEntry) =>
  tx.auditEntry.create({ data: entry });
