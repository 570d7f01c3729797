import { CLONE_SUSPECTED_MS, STREAM_ALIVE_MS, SUPERSEDED_STREAMS_KEPT } from './order.js';

/**
 * A report's position in the order, as SQL expressions with the types uuid, bigint, timestamptz and timestamptz.
 * `stream` and `sequence` are both null if the agent sends no order.
 */
export interface OrderExpressions {
  stream: string;
  sequence: string;
  observedAt: string;
  receivedAt: string;
}

const STREAM_ALIVE_INTERVAL = `INTERVAL '${STREAM_ALIVE_MS} milliseconds'`;

/**
 * The condition that the host was not deleted. The condition is written so that it matches no partial index. Otherwise,
 * while the planner believes that the table is small, it would scan such an index instead of looking up the id.
 */
export const NOT_DELETED = `(hosts."deletedAt" IS NOT NULL) IS FALSE`;

/** Returns the condition that another stream has replaced this stream. The condition is null for a null stream. */
export const isSuperseded = (stream: string): string =>
  `hosts."supersededStreams" @> jsonb_build_array(jsonb_build_object('stream', ${stream}::text))`;

/**
 * Returns the rule of `checkOrder` as a condition on the row of `hosts` that an UPDATE is about to write. A check
 * before the UPDATE may have read an outdated row, but this condition applies to the locked, current row.
 */
export const orderCondition = ({ stream, sequence, observedAt, receivedAt }: OrderExpressions): string => `(
    ${stream} IS NULL OR CASE WHEN hosts.stream = ${stream}
      THEN COALESCE(hosts.sequence < ${sequence}, TRUE)
      ELSE NOT ${isSuperseded(stream)} AND NOT COALESCE(
        ${observedAt} < hosts."observedAt" AND hosts."observedAt" < ${receivedAt} + ${STREAM_ALIVE_INTERVAL}
          AND hosts."streamHeardAt" > ${receivedAt} - ${STREAM_ALIVE_INTERVAL} AND hosts."streamHeardAt" < ${receivedAt} + ${STREAM_ALIVE_INTERVAL},
        FALSE)
    END)`;

/** Returns the assignments with which an UPDATE that passed `orderCondition` stores the snapshot's order. */
export const orderAssignments = ({
  stream,
  sequence,
  observedAt,
  receivedAt,
}: OrderExpressions): Record<string, string> => ({
  supersededStreams: `CASE
      WHEN ${stream} IS NULL OR hosts.stream IS NULL OR hosts.stream = ${stream} THEN hosts."supersededStreams"
      ELSE CASE
          WHEN jsonb_array_length(hosts."supersededStreams") >= ${SUPERSEDED_STREAMS_KEPT}
            THEN hosts."supersededStreams" - 0
          ELSE hosts."supersededStreams"
        END || jsonb_build_array(jsonb_build_object('stream', hosts.stream, 'at', ${receivedAt}))
    END`,
  stream: `COALESCE(${stream}, hosts.stream)`,
  sequence: `COALESCE(${sequence}, hosts.sequence)`,
  observedAt,
  streamHeardAt: `CASE WHEN ${stream} IS NULL THEN hosts."streamHeardAt" ELSE ${receivedAt} END`,
});

/**
 * Returns the assignments that record a suspected clone after a report from `stream`. If a report was observed more
 * than a minute after its stream was superseded, the stream belongs to another machine with the same token. If a report
 * was observed earlier, it may come from the journal of the replaced agent. A null `observedAt` means the time of
 * receipt. A suspicion lasts until the clone has not been seen for `CLONE_SUSPECTED_MS`.
 */
export const suspectedCloneAssignments = (
  call: Omit<OrderExpressions, 'sequence'>,
): Record<'cloneSuspectedAt' | 'cloneSuspectedSince', string> => ({
  cloneSuspectedAt: `CASE WHEN ${isClone(call)} THEN ${call.receivedAt} ELSE hosts."cloneSuspectedAt" END`,
  cloneSuspectedSince: `CASE
      WHEN NOT ${isClone(call)} THEN hosts."cloneSuspectedSince"
      WHEN hosts."cloneSuspectedAt" > ${call.receivedAt} - INTERVAL '${CLONE_SUSPECTED_MS} milliseconds'
        THEN COALESCE(hosts."cloneSuspectedSince", hosts."cloneSuspectedAt")
      ELSE ${call.receivedAt}
    END`,
});

const isClone = ({ stream, observedAt, receivedAt }: Omit<OrderExpressions, 'sequence'>): string => `EXISTS (
        SELECT 1 FROM jsonb_array_elements(hosts."supersededStreams") AS superseded
        WHERE superseded ->> 'stream' = ${stream}::text
          AND (superseded ->> 'at')::timestamptz < COALESCE(${observedAt}, ${receivedAt}) - ${STREAM_ALIVE_INTERVAL})`;

/**
 * Returns the assignments that clear problems after a snapshot that was applied or equals the stored rows. Any such
 * snapshot clears `snapshot_refused`. A complete snapshot (`isComplete`, an SQL condition) also clears all other
 * problems that the agent reported, except `clock_skew`, which a snapshot cannot disprove.
 */
export const problemAssignments = (isComplete: string): Record<string, string> => ({
  snapshotRefusedAt: 'NULL',
  snapshotRefusedReason: 'NULL',
  agentProblems: `CASE
      WHEN hosts."agentProblems" = '[]' OR NOT ${isComplete} THEN hosts."agentProblems"
      ELSE jsonb_path_query_array(hosts."agentProblems", '$[*] ? (@.code == "clock_skew")')
    END`,
});

/** Formats `"column" = value, …` for an UPDATE's SET. */
export const formatAssignments = (columns: Record<string, string>): string =>
  Object.entries(columns)
    .map(([column, value]) => `"${column}" = ${value}`)
    .join(',\n      ');
