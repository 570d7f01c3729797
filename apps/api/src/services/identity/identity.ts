import type { MemberRole } from '@muster/contracts';

/** An actor as recorded in the audit log. */
export type OperatorActor = `api_key:${string}` | `user:${string}`;

/** The organization, actor and role of an operator's request. */
export interface OperatorIdentity {
  organizationId: string;
  actor: OperatorActor;
  role: MemberRole;
}

/** The client of an account request: its address, cookies and user agent. */
export interface Caller {
  /** All cookies, as sent. */
  cookie: string | undefined;
  address: string;
  userAgent: string | undefined;
}
