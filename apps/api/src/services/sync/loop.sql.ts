/**
 * The exits of looping containers in SQL (ADR 24). A container's row has the times of its last exits (`exitTimes`), and,
 * while single exits are not recorded, their number (`loop`, since `loopingSince`). The statement that writes a
 * snapshot also updates these columns, so that each exit is either recorded or counted, once.
 */
import type { Database, Statement } from '@muster/db';
import { LOOP_CODES_MAX, LOOP_EXITS_MIN, LOOP_MS } from './container-loops.js';

/** Maximum number of hosts whose ended loops one call records. */
const HOSTS_MAX = 1_000;

/** Maximum number of ended loops that one statement records, so that it ends long before its timeout. */
const ENDED_MAX = 500;

const HOUR = `INTERVAL '${LOOP_MS} milliseconds'`;
const MINUTE = `INTERVAL '1 minute'`;
const [OBSERVED_AT, RECEIVED_AT] = ['$12::timestamptz', '$6::timestamptz'];

/**
 * The condition that a time of the host's clock is within the hour before this report. A time that is later than the
 * report is from a clock that was ahead and has been corrected since. A few seconds are no reason to forget it.
 */
const isWithinHour = (at: string): string => `${at} > ${OBSERVED_AT} - ${HOUR} AND ${at} < ${OBSERVED_AT} + ${MINUTE}`;

/**
 * The number of a step's exits that are stored with the time of this report. If the last report is more than an hour
 * old, the restarts between the two reports may be just as old.
 */
const TIMED_EXITS = `CASE WHEN guard."previousAt" > $10::timestamptz - ${HOUR}
          THEN LEAST(s.exits, ${LOOP_EXITS_MIN}) ELSE 1 END`;

/** The key of an exit in `loop`. */
const CODE_KEY = `concat(s.code, '/', s.reason)`;

/** The counts by code and reason after a step. */
const CODES = `COALESCE(o.open -> 'codes', '{}') || CASE
          WHEN s.code IS NULL AND s.reason IS NULL THEN '{}'
          WHEN o.open -> 'codes' -> ${CODE_KEY} IS NULL
            AND (SELECT count(*) FROM jsonb_object_keys(COALESCE(o.open -> 'codes', '{}'))) >= ${LOOP_CODES_MAX} THEN '{}'
          ELSE jsonb_build_object(${CODE_KEY}, jsonb_build_object('code', s.code, 'reason', s.reason,
            'count', COALESCE((o.open -> 'codes' -> ${CODE_KEY} ->> 'count')::int, 0) + 1, 'recordedAt', ${RECEIVED_AT}))
        END`;

/** The columns that an exit with an error replaces, and any other exit sets only if they are missing. */
const LATEST = `CASE WHEN o.open IS NULL OR s."isError" OR s.code IS NOT NULL AND NOT (o.open ->> 'isError')::boolean
          THEN jsonb_build_object('exitCode', s.code, 'exitReason', s.reason, 'isError', s."isError") ELSE '{}' END`;

/**
 * Selects the new values of a container's columns for each step in `$21` (`LoopStep`), and the loop that has ended.
 *
 * - A loop begins with the first exit that 20 others precede within an hour.
 * - It ends with the first step after an hour, by the clock of the host or of the API. If 20 exits precede this one, too,
 *   another loop begins.
 * - `folded`: the events of this step are not recorded. If only the health or the ports of a container change that has
 *   been up for a minute, its events are recorded, although its loop is still open.
 */
export const LOOP_STEPS = `SELECT c."dockerId", c.name, c."workloadKind", c.project, c.service, c.instance,
        f."isOpen" AND (s.exits IS NOT NULL OR COALESCE(o.times[1] > ${OBSERVED_AT} - ${MINUTE}, FALSE)) AS folded,
        CASE WHEN o.open IS NULL OR s.removed THEN c.loop END AS ended,
        CASE WHEN s.exits > 0
          THEN (array_fill(${OBSERVED_AT}::timestamptz(3), ARRAY[${TIMED_EXITS}]) || o.times)[1:${LOOP_EXITS_MIN}]
        END AS times,
        CASE WHEN NOT f."isOpen" THEN NULL WHEN o.open IS NOT NULL THEN c."loopingSince" ELSE ${RECEIVED_AT} END AS since,
        CASE WHEN NOT f."isOpen" THEN NULL WHEN s.exits > 0 THEN jsonb_build_object(
          'count', COALESCE((o.open ->> 'count')::bigint, 0) + s.exits,
          'first', COALESCE(o.open -> 'first', to_jsonb(${OBSERVED_AT})), 'last', ${OBSERVED_AT},
          'from', COALESCE(o.open ->> 'from', s."from"), 'to', s."to", 'codes', ${CODES})
          || COALESCE(o.open, '{}') - '{count,first,last,from,to,codes}'::text[] || ${LATEST}
        WHEN s.exits = 0 THEN o.open || jsonb_build_object('to', s."to") ELSE o.open END AS loop
      FROM guard CROSS JOIN json_to_recordset($21::json) AS s(
        "dockerId" text, removed boolean, exits int, "from" text, "to" text, code float8, reason text, "isError" boolean)
      JOIN containers AS c ON c."hostId" = guard.id AND c."dockerId" = s."dockerId"
      CROSS JOIN LATERAL (
        SELECT CASE WHEN c."loopingSince" > ${RECEIVED_AT} - ${HOUR} AND c."loopingSince" < ${RECEIVED_AT} + ${HOUR}
            AND ${isWithinHour(`(c.loop ->> 'first')::timestamptz`)} THEN c.loop END AS open,
          ARRAY(SELECT at FROM unnest(c."exitTimes") WITH ORDINALITY AS times (at, number)
            WHERE ${isWithinHour('at')} ORDER BY number) AS times) AS o
      CROSS JOIN LATERAL (
        SELECT NOT s.removed AND (o.open IS NOT NULL
          OR s.exits > 0 AND cardinality(o.times) >= ${LOOP_EXITS_MIN}) AS "isOpen"
      ) AS f
    `;

/** The columns of an event that `LOOPING_EVENT` contains. */
const LOOPING_EVENT_COLUMNS = `"dockerId", name, kind, "from", "to", "exitCode", "exitReason", "workloadKind", project,
        service, instance, image, exits, "observedAt"`;

/** The values of an event `looping`. `l` is a row with the columns of its container and the loop as `l.ended`. */
export const LOOPING_EVENT = `l."dockerId", l.name, 'looping', l.ended -> 'from', l.ended -> 'to',
        (l.ended ->> 'exitCode')::float8, l.ended ->> 'exitReason', l."workloadKind", l.project, l.service, l.instance,
        NULL, jsonb_build_object('count', l.ended -> 'count', 'first', l.ended -> 'first', 'last', l.ended -> 'last',
          'codes', l.ended -> 'codes'),
        (l.ended ->> 'last')::timestamptz`;

/**
 * Returns the condition that a container's loop has ended: it began an hour ago, or in the future, when the API's clock
 * was ahead.
 */
const hasEnded = (now: string): string =>
  `"loopingSince" IS NOT NULL AND ("loopingSince" <= ${now} - ${HOUR} OR "loopingSince" > ${now} + ${HOUR})`;

/** Selects the hosts with a loop that has ended, and their revisions. */
const FIND_ENDED_LOOPS: Statement = {
  name: 'find_ended_loops',
  text: `
    SELECT h.id::text AS id, h.revision FROM hosts AS h
    WHERE h."deletedAt" IS NULL AND h.id IN (
      SELECT "hostId" FROM containers WHERE ${hasEnded('$1::timestamptz')})
    ORDER BY h.id LIMIT ${HOSTS_MAX}`,
};

/**
 * Records the loops of one host that have ended. Increments the revision, so that no snapshot that has read the
 * loops before is written. Like `writeSnapshot`, writes nothing if another transaction has the host's lock or has
 * changed its revision.
 */
const RECORD_ENDED_LOOPS: Statement = {
  name: 'record_ended_loops',
  text: `
    WITH locked AS (
      SELECT id FROM hosts WHERE id = $1::uuid FOR NO KEY UPDATE SKIP LOCKED
    ), guard AS (
      UPDATE hosts SET revision = revision + 1 FROM locked
      WHERE hosts.id = locked.id AND revision = $2::int AND "deletedAt" IS NULL
      RETURNING hosts.id, revision
    ), ended AS MATERIALIZED (
      SELECT c.*, c.loop AS ended FROM guard JOIN containers AS c ON c."hostId" = guard.id
      WHERE ${hasEnded('$3::timestamptz')}
      LIMIT ${ENDED_MAX}
    ), cleared AS (
      UPDATE containers AS c SET loop = NULL, "loopingSince" = NULL
      FROM ended WHERE c."hostId" = ended."hostId" AND c."dockerId" = ended."dockerId"
    ), recorded AS (
      INSERT INTO container_events (
        tx, "hostId", ${LOOPING_EVENT_COLUMNS}, "recordedAt", "organizationId")
      SELECT pg_current_xact_id()::text::bigint, l."hostId", ${LOOPING_EVENT}, $3::timestamptz, l."organizationId"
      FROM ended AS l WHERE l.ended IS NOT NULL
      RETURNING 1
    )
    SELECT revision, (SELECT count(*) FROM ended)::int AS ended, (SELECT count(*) FROM recorded)::int AS recorded
    FROM guard`,
};

/**
 * Records the loops that are an hour old and had no exit since, until `isStopped` returns true. Any process may call
 * this at any time: a loop is recorded by the transaction that removes it from its container. Resolves with the number
 * of recorded events.
 * @throws AggregateError if the loops of some hosts could not be recorded, after all other hosts.
 */
export async function recordEndedLoops(db: Database, now: Date, isStopped = () => false): Promise<number> {
  let total = 0;
  const failures: unknown[] = [];
  for (const host of await db.query<{ id: string; revision: number }>(FIND_ENDED_LOOPS, [now])) {
    try {
      total += await recordLoopsOfHost(db, host, now, isStopped);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, `loops of ${failures.length} hosts were not recorded`);
  return total;
}

async function recordLoopsOfHost(
  db: Database,
  host: { id: string; revision: number },
  now: Date,
  isStopped: () => boolean,
): Promise<number> {
  let total = 0;
  let { revision } = host;
  for (let ended = ENDED_MAX; ended === ENDED_MAX && !isStopped();) {
    const values = [host.id, revision, now];
    const [written] = await db.query<{ revision: number; ended: number; recorded: number }>(RECORD_ENDED_LOOPS, values);
    if (written === undefined) break;
    total += written.recorded;
    ({ revision, ended } = written);
  }
  return total;
}
