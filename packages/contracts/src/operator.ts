import { z } from 'zod';
import { Container, ContainerState, DockerId } from './container.js';
import { Engine } from './enrollment.js';
import { Freshness } from './freshness.js';
import { HostProblem } from './host-problems.js';
import { Id } from './id.js';
import {
  DISPLAY_NAME_LENGTH_MAX,
  ENROLLMENT_TOKEN_SECONDS_DEFAULT,
  ENROLLMENT_TOKEN_SECONDS_MAX,
  ENROLLMENT_TOKEN_USES_MAX,
  HOST_DELETIONS_MAX,
} from './limits.js';
import { Health } from './parse-status.js';
import { displayName } from './text.js';

const Timestamp = z.iso.datetime();

/** An API key's role. A `viewer` can read, and an `admin` can also write. */
export const Role = z.enum(['admin', 'viewer']);
export type Role = z.output<typeof Role>;

export const EnrollmentTokenRequest = z.strictObject({
  name: displayName(DISPLAY_NAME_LENGTH_MAX),
  expiresInSeconds: z.int().min(1).max(ENROLLMENT_TOKEN_SECONDS_MAX).default(ENROLLMENT_TOKEN_SECONDS_DEFAULT),
  maxUses: z.int().min(1).max(ENROLLMENT_TOKEN_USES_MAX).default(1),
});
export type EnrollmentTokenRequest = z.output<typeof EnrollmentTokenRequest>;

/** An enrollment token without its secret. */
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

/** A new enrollment token. The secret `token` is shown only in this response. */
export const EnrollmentTokenCreated = EnrollmentToken.extend({ token: z.string() });
export type EnrollmentTokenCreated = z.output<typeof EnrollmentTokenCreated>;

/**
 * A host. All times are those of the server's clock. `freshness` is derived when the host is read. `confirmedAt` is the
 * `asOf` of the host's containers.
 */
export const Host = z.object({
  id: z.uuid(),
  name: z.string(),
  engineId: z.string(),
  engine: Engine,
  os: z.string(),
  arch: z.string(),
  agentVersion: z.string(),
  freshness: Freshness,
  /** The reasons why the host's state is not current or not complete, with at most one entry per code. */
  problems: z.array(HostProblem),
  containerCount: z.int(),
  /**
   * Counts of the present containers by state, and by health for those with a health check. Zero counts are omitted.
   */
  containersByState: z.record(z.string(), z.int()),
  containersByHealth: z.record(z.string(), z.int()),
  revision: z.int(),
  lastSeenAt: Timestamp.nullable(),
  confirmedAt: Timestamp.nullable(),
  engineError: z.string().nullable(),
  cloneSuspectedAt: Timestamp.nullable(),
  /**
   * Seconds by which the host's clock is ahead of the server's, measured at the last heartbeat and including network
   * delay. Null if unknown.
   */
  clockSkewSeconds: z.int().nullable(),
  enrolledAt: Timestamp,
});
export type Host = z.output<typeof Host>;

export const HostPatch = z.strictObject({ name: displayName(DISPLAY_NAME_LENGTH_MAX) });
export type HostPatch = z.output<typeof HostPatch>;

/** The hosts to delete. Each is deleted once, however often it is listed. */
export const HostDeletionRequest = z.strictObject({ hostIds: z.array(Id).min(1).max(HOST_DELETIONS_MAX) });
export type HostDeletionRequest = z.output<typeof HostDeletionRequest>;

/** The result for each of the hosts. `notFound` has those that are not, or no longer, hosts of the organization. */
export const HostDeletionResult = z.object({ deleted: z.array(z.uuid()), notFound: z.array(z.uuid()) });
export type HostDeletionResult = z.output<typeof HostDeletionResult>;

/**
 * A container as operators read it, with the state that its host last reported and the age of that state. `asOf` is the
 * time when the host last confirmed its containers, and `changedAt` the time when this container last changed.
 * `removedAt` is null while the container is present. `uptimeSeconds` is the time for which the container had been
 * running at `asOf`, or null if it was not running.
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

/** The kinds of container events. */
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

/** The value before or after a change: a state, health, name or image, or for `updated` the fields that differ. */
export const EventValue = z.union([z.string(), z.null(), z.record(z.string(), z.unknown())]);
export type EventValue = z.output<typeof EventValue>;

/** One change of one container. `observedAt` is the host's time, and `recordedAt` the server's. */
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
 * One entry of the audit log. `actor` is `user:<id>`, `api_key:<id>`, `enrollment_token:<id>`, `host:<id>` (an agent
 * that left) or `system`. `action` is for example `host.deleted`, and `target` is for example `host:<id>`, `user:<id>`
 * or `system`. `details` describe the state at the time of the action and never contain a secret.
 */
export const AuditEntry = z.object({
  id: z.string(),
  at: Timestamp,
  actor: z.string(),
  /** The current name of the user or API key; null for other actors, and if the user or key no longer exists. */
  actorName: z.string().nullable(),
  action: z.string(),
  target: z.string(),
  details: z.record(z.string(), z.unknown()),
});
export type AuditEntry = z.output<typeof AuditEntry>;
