import { z } from 'zod';
import { Container, ContainerState, DockerId } from './container.js';
import { Engine } from './enrollment.js';
import { Freshness } from './freshness.js';
import { HostProblem } from './host-problems.js';
import {
  DISPLAY_NAME_LENGTH_MAX,
  ENROLLMENT_TOKEN_SECONDS_DEFAULT,
  ENROLLMENT_TOKEN_SECONDS_MAX,
  ENROLLMENT_TOKEN_USES_MAX,
} from './limits.js';
import { Health } from './parse-status.js';
import { displayName } from './text.js';

const Timestamp = z.iso.datetime();

/** What an API key may do: `viewer` reads, `admin` also changes. */
export const Role = z.enum(['admin', 'viewer']);
export type Role = z.output<typeof Role>;

export const EnrollmentTokenRequest = z.strictObject({
  name: displayName(DISPLAY_NAME_LENGTH_MAX),
  expiresInSeconds: z.int().min(1).max(ENROLLMENT_TOKEN_SECONDS_MAX).default(ENROLLMENT_TOKEN_SECONDS_DEFAULT),
  maxUses: z.int().min(1).max(ENROLLMENT_TOKEN_USES_MAX).default(1),
});
export type EnrollmentTokenRequest = z.output<typeof EnrollmentTokenRequest>;

/** An enrollment token as a list shows it: never the token itself. */
export const EnrollmentToken = z.object({
  id: z.uuid(),
  name: z.string(),
  maxUses: z.int(),
  uses: z.int(),
  createdAt: Timestamp,
  expiresAt: Timestamp,
  revokedAt: Timestamp.nullable(),
});
export type EnrollmentToken = z.output<typeof EnrollmentToken>;

/** The 201 answer that makes an enrollment token: the only time that `token` is shown. */
export const EnrollmentTokenCreated = EnrollmentToken.extend({ token: z.string() });
export type EnrollmentTokenCreated = z.output<typeof EnrollmentTokenCreated>;

/** A host. Times are the server's; `freshness` is worked out when read, `confirmedAt` is what its containers' `asOf` is. */
export const Host = z.object({
  id: z.uuid(),
  name: z.string(),
  engineId: z.string(),
  engine: Engine,
  os: z.string(),
  arch: z.string(),
  agentVersion: z.string(),
  freshness: Freshness,
  /** What keeps the host's state from being current or complete; at most one entry for each code. */
  problems: z.array(HostProblem),
  containerCount: z.int(),
  /** The present containers by state, and by health those that have a check; a word that none has is left out. */
  containersByState: z.record(z.string(), z.int()),
  containersByHealth: z.record(z.string(), z.int()),
  revision: z.int(),
  lastSeenAt: Timestamp.nullable(),
  confirmedAt: Timestamp.nullable(),
  engineError: z.string().nullable(),
  cloneSuspectedAt: Timestamp.nullable(),
  /** Seconds that the host's clock was ahead of the server's at its last heartbeat, the way here included; null: unknown. */
  clockSkewSeconds: z.int().nullable(),
  enrolledAt: Timestamp,
});
export type Host = z.output<typeof Host>;

export const HostPatch = z.strictObject({ name: displayName(DISPLAY_NAME_LENGTH_MAX) });
export type HostPatch = z.output<typeof HostPatch>;

/**
 * A container as an operator sees it: what its host last said, and how old that is. `asOf` is when the host last
 * confirmed its containers; `changedAt` when this one last changed; `removedAt` is null while it is present.
 * `uptimeSeconds`: how long it had been up then; null where it was not.
 */
export const ContainerView = z.object({
  ...Container.shape,
  state: ContainerState,
  hostId: z.uuid(),
  hostName: z.string(),
  hostFreshness: Freshness,
  asOf: Timestamp.nullable(),
  health: Health.nullable(),
  exitCode: z.int().nullable(),
  uptimeSeconds: z.int().min(0).nullable(),
  firstSeenAt: Timestamp,
  changedAt: Timestamp,
  removedAt: Timestamp.nullable(),
});
export type ContainerView = z.output<typeof ContainerView>;

/** What can happen to a container. */
export const EventKind = z.enum([
  'created',
  'started',
  'exited',
  'restarted',
  'paused',
  'unpaused',
  'health_changed',
  'renamed',
  'image_changed',
  'updated',
  'removed',
  'reappeared',
]);
export type EventKind = z.output<typeof EventKind>;

/** The value on one side of a change: a state, health, name or image; for `updated` the fields that differ. */
export const EventValue = z.union([z.string(), z.null(), z.record(z.string(), z.unknown())]);
export type EventValue = z.output<typeof EventValue>;

/** One change of one container. `observedAt` is by the host's clock, `recordedAt` by ours. */
export const ContainerEvent = z.object({
  id: z.string(),
  hostId: z.uuid(),
  hostName: z.string(),
  dockerId: DockerId,
  name: z.string(),
  kind: EventKind,
  from: EventValue,
  to: EventValue,
  exitCode: z.int().nullable(),
  observedAt: Timestamp,
  recordedAt: Timestamp,
});
export type ContainerEvent = z.output<typeof ContainerEvent>;

/**
 * One thing that an operator or an enrolment did. `actor`: `user:<id>`, `api_key:<id>`, `enrollment_token:<id>` or `system`; `action`
 * such as `host.deleted`; `target`: `host:<id>` or `enrollment_token:<id>`; `details` as they were then, never a secret.
 */
export const AuditEntry = z.object({
  id: z.string(),
  at: Timestamp,
  actor: z.string(),
  /** The name that a person or a key has now; null for others, and for what is gone. */
  actorName: z.string().nullable(),
  action: z.string(),
  target: z.string(),
  details: z.record(z.string(), z.unknown()),
});
export type AuditEntry = z.output<typeof AuditEntry>;

/**
 * One page of a list. Only a null `nextCursor` says that it is the last: a page may hold fewer items than were asked
 * for, even none, where looking further would have taken too long.
 */
export const page = <S extends z.ZodType>(item: S) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() });
export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/** A page of a list that counts where it is asked to: `total` is what all pages hold, or if not exact, at least that. */
export const countedPage = <S extends z.ZodType>(item: S) =>
  page(item).extend({ total: z.int().nonnegative().optional(), totalIsExact: z.boolean().optional() });
export interface CountedPage<T> extends Page<T> {
  total?: number;
  totalIsExact?: boolean;
}
