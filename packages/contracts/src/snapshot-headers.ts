import { z } from 'zod';
import { Instant } from './instant.js';

/** Names of the headers that carry a snapshot's metadata. The body is state, so that equal state is equal bytes. */
export const SnapshotHeaderNames = {
  stream: 'Snapshot-Stream',
  sequence: 'Snapshot-Sequence',
  observedAt: 'Snapshot-Observed-At',
  complete: 'Snapshot-Complete',
} as const;

const Sequence = z
  .string()
  .regex(/^\d{1,15}$/, { error: 'must be a whole number from 0 to 999999999999999' })
  .transform(Number);

/**
 * The metadata of a snapshot, keyed by lower-case header name as HTTP servers give it. Stream (the UUID of one run
 * of an agent) and sequence (rising within it) come together or not at all.
 */
export const SnapshotHeaders = z
  .object({
    'snapshot-stream': z.guid({ error: 'must be a UUID' }).toLowerCase().optional(),
    'snapshot-sequence': Sequence.optional(),
    'snapshot-observed-at': Instant.optional(),
    'snapshot-complete': z
      .enum(['true', 'false'], { error: 'must be true or false' })
      .default('true')
      .transform((value) => value === 'true'),
  })
  .check((context) => {
    const { 'snapshot-stream': stream, 'snapshot-sequence': sequence } = context.value;
    if ((stream === undefined) === (sequence === undefined)) return;
    const missing = stream === undefined ? 'snapshot-stream' : 'snapshot-sequence';
    context.issues.push({
      code: 'custom',
      message: 'is required: Snapshot-Stream and Snapshot-Sequence are sent together or not at all',
      path: [missing],
      input: undefined,
    });
  })
  .transform((headers) => ({
    order:
      headers['snapshot-stream'] === undefined || headers['snapshot-sequence'] === undefined
        ? null
        : { stream: headers['snapshot-stream'], sequence: headers['snapshot-sequence'] },
    observedAt: headers['snapshot-observed-at'] ?? null,
    complete: headers['snapshot-complete'],
  }));

/** `order`: null where the agent sends none. `observedAt`: RFC 3339 by the host's clock, or null. */
export type SnapshotHeaders = z.output<typeof SnapshotHeaders>;

/** The metadata of a heartbeat: the agent's run, so that a stream counts as alive between two snapshots. */
export const HeartbeatHeaders = z
  .object({ 'snapshot-stream': z.guid({ error: 'must be a UUID' }).toLowerCase().optional() })
  .transform((headers) => ({ stream: headers['snapshot-stream'] ?? null }));
