import type { Database, Statement } from '@muster/db';

/** The tables of events. Both tables have the primary key (hostId, tx, id). */
export type EventTable = 'container_events' | 'host_events';

/** Maximum number of hosts that one statement checks. */
const HOSTS_MAX = 1_000;

/** Probes the primary key of the history once per host. The first entry of a host is its oldest event. */
const findHosts = (table: EventTable): Statement => ({
  name: `find_hosts_with_old_${table}`,
  text: `
    SELECT h.id::text AS id, COALESCE(oldest."recordedAt" < $2::timestamptz, FALSE) AS "isOld"
    FROM (SELECT id FROM hosts WHERE id > $1::uuid ORDER BY id LIMIT ${HOSTS_MAX}) AS h
    LEFT JOIN LATERAL (
      SELECT e."recordedAt" FROM ${table} AS e WHERE e."hostId" = h.id ORDER BY e.tx, e.id LIMIT 1
    ) AS oldest ON TRUE
    ORDER BY h.id`,
});

/**
 * Reads a host's oldest events by the primary key and deletes those that are too old. Locks only these events, and no
 * other statement writes them. Skips events that another process is deleting.
 */
const pruneStatement = (table: EventTable): Statement => ({
  name: `prune_${table}`,
  text: `
    WITH aged AS (
      SELECT tx, id FROM (
        SELECT tx, id, "recordedAt" FROM ${table} WHERE "hostId" = $1::uuid ORDER BY tx, id LIMIT $3::int
      ) AS oldest
      WHERE "recordedAt" < $2::timestamptz
    ), held AS (
      SELECT e.tx, e.id FROM ${table} AS e JOIN aged ON e.tx = aged.tx AND e.id = aged.id
      WHERE e."hostId" = $1::uuid
      FOR UPDATE OF e SKIP LOCKED
    ), pruned AS (
      DELETE FROM ${table} AS e USING held
      WHERE e."hostId" = $1::uuid AND e.tx = held.tx AND e.id = held.id
      RETURNING 1
    )
    SELECT count(*)::int AS count FROM pruned`,
});

const FIND_HOSTS_STATEMENTS = {
  container_events: findHosts('container_events'),
  host_events: findHosts('host_events'),
};
const PRUNE_STATEMENTS = {
  container_events: pruneStatement('container_events'),
  host_events: pruneStatement('host_events'),
};

const NO_HOST = '00000000-0000-0000-0000-000000000000';

/** Yields the hosts whose oldest event in the table was recorded before `before`. */
export async function* findHostsWithEventsBefore(
  db: Database,
  table: EventTable,
  before: Date,
): AsyncGenerator<string> {
  for (let after = NO_HOST; ;) {
    const hosts = await db.query<{ id: string; isOld: boolean }>(FIND_HOSTS_STATEMENTS[table], [after, before]);
    for (const { id, isOld } of hosts) if (isOld) yield id;
    if (hosts.length < HOSTS_MAX) return;
    after = hosts.at(-1)!.id;
  }
}

/**
 * Reads a host's oldest `rowsMax` events of the table, and deletes those recorded before `before`. Resolves with the
 * number of deleted events.
 */
export async function pruneEvents(
  db: Database,
  table: EventTable,
  hostId: string,
  before: Date,
  rowsMax: number,
): Promise<number> {
  const [row] = await db.query<{ count: number }>(PRUNE_STATEMENTS[table], [hostId, before, rowsMax]);
  return row?.count ?? 0;
}
