import type { MemberRole } from '@muster/contracts';

/** Who acts in an organization, as the audit log names them. */
export type OperatorActor = `api_key:${string}` | `user:${string}`;

/** For whom an operator's call is made, and what they may do. */
export interface OperatorIdentity {
  organizationId: string;
  actor: OperatorActor;
  role: MemberRole;
}
