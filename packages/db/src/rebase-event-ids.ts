/** History that was written in another cluster: what its transactions' numbers mean in this one. */
import type pg from 'pg';

/** PostgreSQL's FrozenTransactionId: before every transaction of any cluster. */
const FROZEN = 2;

/**
 * An organization at a time, so that an index has the answer. `pg_snapshot_xmax` is above every number that this cluster
 * has given to anybody.
 */
const ARE_THERE = `
SELECT EXISTS (
  SELECT FROM organizations AS o WHERE (
    SELECT e.tx FROM container_events AS e WHERE e."organizationId" = o.id ORDER BY e.tx DESC, e.id DESC LIMIT 1
  ) >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
) AS "areThere"`;

/** Their ids are new, from the sequence's end on, so that in between no two events can bear one. */
const FREEZE = `
WITH settled AS (
  SELECT "hostId", tx, id,
    (SELECT last_value FROM container_events_id_seq) + row_number() OVER (ORDER BY tx, id) AS "newId"
  FROM container_events
), frozen AS (
  UPDATE container_events AS e SET tx = ${FROZEN}, id = settled."newId" FROM settled
  WHERE e."hostId" = settled."hostId" AND e.tx = settled.tx AND e.id = settled.id
  RETURNING e.id
)
SELECT setval('container_events_id_seq', max(id)), count(*)::int AS events FROM frozen`;

/**
 * An event bears the number of the transaction that wrote it, and the feed tells events in that order, up to the oldest
 * transaction that still runs. A new cluster counts from its own beginning: events that came from another one (a restored
 * backup, a dump) would be told long after newer ones. So where there is one with a number that this cluster has not
 * reached, all events move before its first transaction, in the order that they had.
 *
 * One statement moves all of them, and writers of events wait for it. That happens once for a loaded dump, at the first
 * start on it, before any process serves from it: a process that serves has found nothing to move.
 *
 * Resolves with how many events were moved. Others who do this at the same time wait, as do those who write events.
 */
export async function freezeEventsOfTheFuture(client: pg.ClientBase): Promise<number> {
  if (!(await areThere(client))) return 0;
  await client.query('BEGIN');
  try {
    await client.query('SET LOCAL statement_timeout = 0; LOCK TABLE container_events IN SHARE ROW EXCLUSIVE MODE');
    const events = (await areThere(client)) ? await freeze(client) : 0;
    await client.query('COMMIT');
    return events;
  } catch (error) {
    // What went wrong is told by `error`; a connection that cannot roll back is lost, and its transaction with it.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function areThere(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ areThere: boolean }>(ARE_THERE);
  return rows[0]?.areThere === true;
}

async function freeze(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ events: number }>(FREEZE);
  return rows[0]?.events ?? 0;
}
