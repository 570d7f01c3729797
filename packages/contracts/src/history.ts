import { z } from 'zod';
import { ExitReason } from './container-exit.js';
import { DockerId } from './container.js';
import { LoopExits } from './loop-exits.js';
import { Workload } from './workload.js';

const Timestamp = z.iso.datetime();

/**
 * The kinds of container events. A container that exits more than 20 times within an hour gets one `looping` event per
 * hour instead of one event for each exit and start.
 */
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
  'looping',
]);
export type EventKind = z.output<typeof EventKind>;

/**
 * The value before or after a change. For an `updated` event, it is an object with the fields that differ. For other
 * events, it is a state, health, name or image.
 */
export const EventValue = z.union([z.string(), z.null(), z.record(z.string(), z.unknown())]);
export type EventValue = z.output<typeof EventValue>;

/**
 * One change of one container. `observedAt` is the time according to the host's clock, and `recordedAt` the time
 * according to the server's clock.
 */
export const ContainerEvent = z.object({
  id: z.string(),
  hostId: z.uuid(),
  hostName: z.string(),
  dockerId: DockerId,
  name: z.string(),
  kind: EventKind,
  from: EventValue,
  to: EventValue,
  /**
   * The exit code. For `looping`, the code of the latest exit with an error, or of the latest exit if none had an
   * error.
   */
  exitCode: z.int().nullable(),
  /**
   * Why the process exited; null for other events, and if the agent did not report the reason. For `looping`, this
   * reason and `exitCode` belong to the same exit.
   */
  exitReason: ExitReason.nullable(),
  /** The container's workload; null in an event that was recorded by a version of Muster before 0.4. */
  workload: Workload.nullable(),
  /**
   * The container's image, for the events `created`, `removed` and `reappeared`. Null for all other events, and for
   * events that a version before 0.4 recorded.
   */
  image: z.string().nullable(),
  /** The exits that a `looping` event combines; null for all other events. */
  exits: LoopExits.nullable(),
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
