import { z } from 'zod';
import { Accepts } from './accepts.js';
import { Cadence } from './cadence.js';
import { Engine } from './enrollment.js';
import { HostFacts } from './host-facts.js';
import { AgentProblems } from './host-problems.js';
import { Instant } from './instant.js';
import { ENGINE_ERROR_LENGTH_MAX, MACHINE_PROPERTY_LENGTH_MAX } from './limits.js';
import { text } from './text.js';

/**
 * Reports that the agent is running and that its containers have not changed since the snapshot to which `digest`
 * belongs. An agent that cannot list its containers sends `digest: null` and the reason in `problems`. `engineError` is
 * the older form of the problem `engine_unreachable`. Agents send both fields, because older APIs do not support
 * `problems`.
 */
export const Heartbeat = z.object({
  digest: text(1, MACHINE_PROPERTY_LENGTH_MAX).nullable(),
  engineError: text(1, ENGINE_ERROR_LENGTH_MAX).optional(),
  problems: AgentProblems.optional(),
  engine: Engine.optional(),
  os: text(0, MACHINE_PROPERTY_LENGTH_MAX).optional(),
  agentVersion: text(0, MACHINE_PROPERTY_LENGTH_MAX).optional(),
  facts: HostFacts.optional(),
  /** The time of sending according to the host's clock. */
  sentAt: Instant.optional(),
});
export type Heartbeat = z.output<typeof Heartbeat>;

/**
 * The response to a heartbeat. `snapshotRequired` is true if `digest` is null or differs from the host's digest. If
 * another transaction locks the host for more than a second, the digests are not compared and `snapshotRequired` is
 * false.
 */
export const HeartbeatResponse = z.object({
  snapshotRequired: z.boolean(),
  cadence: Cadence,
  accepts: Accepts.optional(),
});
export type HeartbeatResponse = z.output<typeof HeartbeatResponse>;
