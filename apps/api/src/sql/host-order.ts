import { Prisma } from '@muster/db';
import { STREAM_ALIVE_MS, SUPERSEDED_STREAMS_KEPT, type SnapshotOrder, type SnapshotTimes } from '../domain/order.js';

/**
 * `judgeOrder`, as a condition on the row of `hosts` that an UPDATE is about to write: what was judged on a row read
 * earlier is judged again on the row as it is now, under its lock.
 */
export function orderTest(order: SnapshotOrder | null, { observedAt, receivedAt }: SnapshotTimes): Prisma.Sql {
  if (order === null) return Prisma.sql`TRUE`;
  const aliveSince = new Date(receivedAt.getTime() - STREAM_ALIVE_MS);
  return Prisma.sql`(
    CASE WHEN hosts.stream = ${order.stream}::uuid
      THEN COALESCE(hosts.sequence < ${order.sequence}::bigint, TRUE)
      ELSE NOT hosts."supersededStreams" @> jsonb_build_array(jsonb_build_object('stream', ${order.stream}::text))
        AND NOT COALESCE(
          ${observedAt}::timestamptz < hosts."observedAt" AND hosts."streamHeardAt" > ${aliveSince}::timestamptz, FALSE)
    END)`;
}

/** The assignments by which an UPDATE that passed `orderTest` takes the snapshot's place in the order. */
export function takeOrder(order: SnapshotOrder | null, { observedAt, receivedAt }: SnapshotTimes): Prisma.Sql {
  if (order === null) return Prisma.sql`"observedAt" = ${observedAt}::timestamptz`;
  return Prisma.sql`
    "supersededStreams" = CASE
      WHEN hosts.stream IS NULL OR hosts.stream = ${order.stream}::uuid THEN hosts."supersededStreams"
      ELSE CASE
          WHEN jsonb_array_length(hosts."supersededStreams") >= ${SUPERSEDED_STREAMS_KEPT}::int
            THEN hosts."supersededStreams" - 0
          ELSE hosts."supersededStreams"
        END || jsonb_build_array(jsonb_build_object('stream', hosts.stream, 'at', ${receivedAt}::timestamptz))
    END,
    stream = ${order.stream}::uuid,
    sequence = ${order.sequence}::bigint,
    "observedAt" = ${observedAt}::timestamptz,
    "streamHeardAt" = ${receivedAt}::timestamptz`;
}

/**
 * The value of `cloneSuspectedAt` after a call from `stream`: a stream that was superseded more than a minute ago
 * and still talks is another machine with the same token.
 */
export function suspectClone(stream: string, receivedAt: Date): Prisma.Sql {
  const silentSince = new Date(receivedAt.getTime() - STREAM_ALIVE_MS);
  return Prisma.sql`CASE
    WHEN EXISTS (
      SELECT 1 FROM jsonb_array_elements(hosts."supersededStreams") AS superseded
      WHERE superseded ->> 'stream' = ${stream} AND (superseded ->> 'at')::timestamptz < ${silentSince}::timestamptz)
    THEN ${receivedAt}::timestamptz
    ELSE hosts."cloneSuspectedAt"
  END`;
}
