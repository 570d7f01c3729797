import type { MemberRole } from '@muster/contracts';

/** An actor as recorded in the audit log. */
export type OperatorActor = `api_key:${string}` | `user:${string}`;

/** The organization, actor and role of an operator's request. */
export interface OperatorIdentity {
  organizationId: string;
  actor: OperatorActor;
  role: MemberRole;
}
