import type { Database, Statement } from '@muster/db';

/** Maximum number of hosts that one statement checks. */
const HOSTS_MAX = 1_000;

/** Probes the primary key of the history once per host. The first entry of a host is its oldest event. */
const FIND_HOSTS: Statement = {
  name: 'find_hosts_with_old_events',
  text: `
    SELECT h.id::text AS id, COALESCE(oldest."recordedAt" < $2::timestamptz, FALSE) AS "isOld"
    FROM (SELECT id FROM hosts WHERE id > $1::uuid ORDER BY id LIMIT ${HOSTS_MAX}) AS h
    LEFT JOIN LATERAL (
      SELECT e."recordedAt" FROM container_events AS e WHERE e."hostId" = h.id ORDER BY e.tx, e.id LIMIT 1
    ) AS oldest ON TRUE
    ORDER BY h.id`,
};

/**
 * Reads a host's oldest events by the primary key and deletes those that are too old. Locks only these events, and no
 * other statement writes them. Skips events that another process is deleting.
 */
const PRUNE_EVENTS: Statement = {
  name: 'prune_events',
  text: `
    WITH aged AS (
      SELECT tx, id FROM (
        SELECT tx, id, "recordedAt" FROM container_events WHERE "hostId" = $1::uuid ORDER BY tx, id LIMIT $3::int
      ) AS oldest
      WHERE "recordedAt" < $2::timestamptz
    ), held AS (
      SELECT e.tx, e.id FROM container_events AS e JOIN aged ON e.tx = aged.tx AND e.id = aged.id
      WHERE e."hostId" = $1::uuid
      FOR UPDATE OF e SKIP LOCKED
    ), pruned AS (
      DELETE FROM container_events AS e USING held
      WHERE e."hostId" = $1::uuid AND e.tx = held.tx AND e.id = held.id
      RETURNING 1
    )
    SELECT count(*)::int AS count FROM pruned`,
};

const NO_HOST = '00000000-0000-0000-0000-000000000000';

/** Yields the hosts whose oldest event was recorded before `before`. */
export async function* findHostsWithEventsBefore(db: Database, before: Date): AsyncGenerator<string> {
  for (let after = NO_HOST; ;) {
    const hosts = await db.query<{ id: string; isOld: boolean }>(FIND_HOSTS, [after, before]);
    for (const { id, isOld } of hosts) if (isOld) yield id;
    if (hosts.length < HOSTS_MAX) return;
    after = hosts.at(-1)!.id;
  }
}

/**
 * Reads a host's oldest `rowsMax` events, and deletes those recorded before `before`. Resolves with the number of
 * deleted events.
 */
export async function pruneEvents(db: Database, hostId: string, before: Date, rowsMax: number): Promise<number> {
  const [row] = await db.query<{ count: number }>(PRUNE_EVENTS, [hostId, before, rowsMax]);
  return row?.count ?? 0;
}
