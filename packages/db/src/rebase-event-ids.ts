/**
 * Renumbers events that were written in another PostgreSQL cluster. Its transaction ids are unrelated to those of this
 * cluster.
 */
import type pg from 'pg';

/** PostgreSQL's FrozenTransactionId, which precedes every transaction of any cluster. */
const FROZEN_TRANSACTION_ID = 2;

/**
 * Checks one organization at a time, so that an index can be used. `pg_snapshot_xmax` is above every transaction id
 * that this cluster has assigned.
 */
const HAS_UNREACHED_IDS = `
SELECT EXISTS (
  SELECT FROM organizations AS o WHERE GREATEST(
    (SELECT e.tx FROM container_events AS e WHERE e."organizationId" = o.id ORDER BY e.tx DESC, e.id DESC LIMIT 1),
    (SELECT e.tx FROM host_events AS e WHERE e."organizationId" = o.id ORDER BY e.tx DESC, e.id DESC LIMIT 1)
  ) >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
) AS "hasUnreachedIds"`;

/** New ids continue from the end of the sequence, so that no two events share an id during the update. */
const REBASE_EVENTS = `
WITH settled AS (
  SELECT "hostId", tx, id,
    (SELECT last_value FROM container_events_id_seq) + row_number() OVER (ORDER BY tx, id) AS "newId"
  FROM (SELECT "hostId", tx, id FROM container_events UNION ALL SELECT "hostId", tx, id FROM host_events) AS e
), moved_container_events AS (
  UPDATE container_events AS e SET tx = ${FROZEN_TRANSACTION_ID}, id = settled."newId" FROM settled
  WHERE e."hostId" = settled."hostId" AND e.tx = settled.tx AND e.id = settled.id
  RETURNING e.id
), moved_host_events AS (
  UPDATE host_events AS e SET tx = ${FROZEN_TRANSACTION_ID}, id = settled."newId" FROM settled
  WHERE e."hostId" = settled."hostId" AND e.tx = settled.tx AND e.id = settled.id
  RETURNING e.id
), frozen AS (
  SELECT id FROM moved_container_events UNION ALL SELECT id FROM moved_host_events
)
SELECT setval('container_events_id_seq', max(id)), count(*)::int AS events FROM frozen`;

/**
 * Moves events from another cluster to a position before this cluster's first transaction, and keeps their order.
 *
 * An event contains the id of the transaction that wrote it. The feed returns events in the order of these ids, up to
 * the oldest running transaction. A new cluster counts transactions from the beginning. Events from another cluster,
 * that is, from a restored backup or a dump, can therefore have higher ids than newer events. The feed would return
 * them long after the newer events. If any event has an id that this cluster has not reached, all events are moved.
 *
 * One statement moves all events, and writers of events wait for it. This happens once per loaded dump, at the first
 * start, before any process serves requests.
 *
 * Resolves with the number of moved events. Concurrent callers wait.
 */
export async function rebaseEventIds(client: pg.ClientBase): Promise<number> {
  if (!(await hasUnreachedIds(client))) return 0;
  await client.query('BEGIN');
  try {
    await client.query(
      'SET LOCAL statement_timeout = 0; LOCK TABLE container_events, host_events IN SHARE ROW EXCLUSIVE MODE',
    );
    const events = await rebaseInTransaction(client);
    await client.query('COMMIT');
    return events;
  } catch (error) {
    // Ignore a failed rollback. It means that the connection is lost, and PostgreSQL then ends the transaction. `error`
    // contains the reason.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/**
 * Like `rebaseEventIds`, but in the current transaction, which must be the only transaction that uses the tables of
 * events.
 */
export async function rebaseInTransaction(client: pg.ClientBase): Promise<number> {
  return (await hasUnreachedIds(client)) ? rebase(client) : 0;
}

async function hasUnreachedIds(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ hasUnreachedIds: boolean }>(HAS_UNREACHED_IDS);
  return rows[0]?.hasUnreachedIds === true;
}

async function rebase(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ events: number }>(REBASE_EVENTS);
  return rows[0]?.events ?? 0;
}
