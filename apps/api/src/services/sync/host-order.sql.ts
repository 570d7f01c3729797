import { CLONE_SUSPECTED_MS, STREAM_ALIVE_MS, SUPERSEDED_STREAMS_KEPT } from './order.js';

/**
 * A report's place in the order, as SQL expressions of types uuid, bigint, timestamptz and timestamptz. `stream` and
 * `sequence` are null together, where the agent sends no order.
 */
export interface OrderExpressions {
  stream: string;
  sequence: string;
  observedAt: string;
  receivedAt: string;
}

const ALIVE = `INTERVAL '${STREAM_ALIVE_MS} milliseconds'`;

/**
 * Whether the host was not deleted, in words that match no partial index: the planner would read the whole of one
 * rather than look the id up, as long as it thinks the table small.
 */
export const IS_THERE = `(hosts."deletedAt" IS NOT NULL) IS FALSE`;

/** Whether another stream took over from this one: null for a null stream. */
export const isSuperseded = (stream: string): string =>
  `hosts."supersededStreams" @> jsonb_build_array(jsonb_build_object('stream', ${stream}::text))`;

/**
 * `judgeOrder`, as a condition on the row of `hosts` that an UPDATE is about to write: what was judged on a row read
 * earlier is judged again on the row as it is now, under its lock.
 */
export const orderTest = ({ stream, sequence, observedAt, receivedAt }: OrderExpressions): string => `(
    ${stream} IS NULL OR CASE WHEN hosts.stream = ${stream}
      THEN COALESCE(hosts.sequence < ${sequence}, TRUE)
      ELSE NOT ${isSuperseded(stream)} AND NOT COALESCE(
        ${observedAt} < hosts."observedAt" AND hosts."observedAt" < ${receivedAt} + ${ALIVE}
          AND hosts."streamHeardAt" > ${receivedAt} - ${ALIVE} AND hosts."streamHeardAt" < ${receivedAt} + ${ALIVE},
        FALSE)
    END)`;

/** The assignments by which an UPDATE that passed `orderTest` takes the snapshot's place in the order. */
export const takeOrder = ({ stream, sequence, observedAt, receivedAt }: OrderExpressions): Record<string, string> => ({
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
 * The assignments that record a suspected clone after a call from `stream`: a stream that reports what it observed more than
 * a minute after it was superseded is another machine with the same token. One that reports what it observed before is
 * the agent's journal, sent again. A null `observedAt` is the time of receipt. One suspicion lasts until it was not seen for
 * `CLONE_SUSPECTED_MS`.
 */
export const suspectClone = (
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
          AND (superseded ->> 'at')::timestamptz < COALESCE(${observedAt}, ${receivedAt}) - ${ALIVE})`;

/**
 * The assignments of a snapshot that the host's rows now equal, or were brought towards (`isComplete`, an SQL condition):
 * the API refuses its snapshots no longer, and what a complete one contradicts has ended. The clock is not its subject.
 */
export const endProblems = (isComplete: string): Record<string, string> => ({
  snapshotRefusedAt: 'NULL',
  snapshotRefusedReason: 'NULL',
  agentProblems: `CASE
      WHEN hosts."agentProblems" = '[]' OR NOT ${isComplete} THEN hosts."agentProblems"
      ELSE jsonb_path_query_array(hosts."agentProblems", '$[*] ? (@.code == "clock_skew")')
    END`,
});

/** `"column" = value, …` for an UPDATE's SET. */
export const assignments = (columns: Record<string, string>): string =>
  Object.entries(columns)
    .map(([column, value]) => `"${column}" = ${value}`)
    .join(',\n      ');
