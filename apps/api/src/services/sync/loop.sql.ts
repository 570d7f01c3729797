/** The search for loops that have ended and whose containers have not changed since (ADR 24). */
import type { Database, Statement } from '@muster/db';
import { LOOP_MS } from './container-loops.js';

/** Maximum number of hosts whose ended loops one call records. */
const HOSTS_MAX = 1_000;

/** Maximum number of ended loops that one statement records, so that the statement ends long before its timeout. */
const ENDED_MAX = 500;

const HOUR = `INTERVAL '${LOOP_MS} milliseconds'`;
/** The columns of an event that `LOOPING_EVENT` contains. */
const LOOPING_EVENT_COLUMNS = `"dockerId", name, kind, "from", "to", "exitCode", "exitReason", "workloadKind", project,
        service, instance, image, exits, "observedAt"`;

/** The values of a `looping` event. `l` is a row with the columns of the container, and with the loop as `l.ended`. */
const LOOPING_EVENT = `l."dockerId", l.name, 'looping', l.ended -> 'from', l.ended -> 'to',
        (l.ended ->> 'exitCode')::float8, l.ended ->> 'exitReason', l."workloadKind", l.project, l.service, l.instance,
        NULL, jsonb_build_object('count', l.ended -> 'count', 'first', l.ended -> 'first', 'last', l.ended -> 'last',
          'codes', l.ended -> 'codes'),
        (l.ended ->> 'last')::timestamptz`;

/**
 * Returns the condition that a container's loop has ended: the loop began at least an hour ago, or its start is more
 * than an hour in the future because the API's clock was ahead.
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
 * Records the loops of one host that have ended. Increments the revision, so that a snapshot that read the loops
 * earlier is not written. Like `writeSnapshot`, writes nothing if another transaction has the host's lock or has
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
 * Records the loops that are an hour old and whose containers have not exited since, until `isStopped` returns true.
 * Any process may call this function at any time: a loop is recorded by the transaction that removes the loop from its
 * container. Resolves with the number of recorded events.
 * @throws AggregateError if the loops of some hosts could not be recorded, after the loops of all other hosts were
 * recorded.
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
  if (failures.length > 0)
    throw new AggregateError(failures, `the ended loops of ${failures.length} hosts could not be recorded`);
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
