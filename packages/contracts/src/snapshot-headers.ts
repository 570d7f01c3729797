import { z } from 'zod';
import { Id } from './id.js';
import { Instant } from './instant.js';
import { DOCKER_ID_LENGTH_MAX, SNAPSHOT_REMOVED_MAX } from './limits.js';

/**
 * The headers with a snapshot's metadata. The body contains only the host's state, so that equal states have equal
 * bodies.
 */
export const SnapshotHeaderNames = {
  stream: 'Snapshot-Stream',
  sequence: 'Snapshot-Sequence',
  observedAt: 'Snapshot-Observed-At',
  complete: 'Snapshot-Complete',
  gone: 'Snapshot-Gone',
} as const;

const Sequence = z
  .string()
  .regex(/^\d{1,15}$/, { error: 'must be a whole number from 0 to 999999999999999' })
  .transform(Number);

const DOCKER_ID = `[A-Za-z0-9_.-]{1,${DOCKER_ID_LENGTH_MAX}}`;
const REMOVED_IDS = new RegExp(`^${DOCKER_ID}(?: *, *${DOCKER_ID}){0,${SNAPSHOT_REMOVED_MAX - 1}}$`);

const RemovedIds = z
  .string()
  .regex(REMOVED_IDS, { error: `must be 1 to ${SNAPSHOT_REMOVED_MAX} dockerIds separated by commas` })
  .transform((value) => value.split(',').map((id) => id.trim()));

/**
 * The metadata of a snapshot, keyed by lowercase header name, as Node.js provides headers. The stream is a UUID that
 * identifies the agent's run. The sequence is a number that increases within the stream. An agent must send both of
 * these headers or neither.
 */
export const SnapshotHeaders = z
  .object({
    'snapshot-stream': Id.optional(),
    'snapshot-sequence': Sequence.optional(),
    'snapshot-observed-at': Instant.optional(),
    'snapshot-complete': z
      .enum(['true', 'false'], { error: 'must be true or false' })
      .default('true')
      .transform((value) => value === 'true'),
    'snapshot-gone': RemovedIds.optional(),
  })
  .check((context) => {
    const { 'snapshot-complete': complete, 'snapshot-gone': gone } = context.value;
    if (!complete || gone === undefined) return;
    context.issues.push({
      code: 'custom',
      message: 'is only allowed with Snapshot-Complete: false',
      path: ['snapshot-gone'],
      input: undefined,
    });
  })
  .check((context) => {
    const { 'snapshot-stream': stream, 'snapshot-sequence': sequence } = context.value;
    if ((stream === undefined) === (sequence === undefined)) return;
    const missing = stream === undefined ? 'snapshot-stream' : 'snapshot-sequence';
    context.issues.push({
      code: 'custom',
      message: 'is required: send Snapshot-Stream and Snapshot-Sequence together, or neither',
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
    removedIds: headers['snapshot-gone'] ?? [],
  }));

/**
 * A snapshot's metadata. `order` is null if the agent sends neither stream nor sequence. `observedAt` is the host's
 * time in RFC 3339 format, or null. `removedIds` are the ids of containers that were removed. Only an incomplete
 * snapshot has such ids. A container whose id is also in the body counts as present.
 */
export type SnapshotHeaders = z.output<typeof SnapshotHeaders>;

/**
 * The metadata of a heartbeat. It contains the agent's stream, so the API knows between two snapshots that the stream
 * is alive.
 */
export const HeartbeatHeaders = z
  .object({ 'snapshot-stream': Id.optional() })
  .transform((headers) => ({ stream: headers['snapshot-stream'] ?? null }));
