import { ORGANIZATION } from '@muster/fleet';
import { createPool } from '../pool.js';
import type { Contender } from './contender.js';

/** $1: the host; $2: its containers as JSON. Rows without changes are locked, but not written. */
const STATEMENT = `
  WITH incoming AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset($2::jsonb) AS r(
      "dockerId" text, name text, image text, "imageId" text, command text, state text, status text, ports jsonb,
      labels jsonb, "startedAt" timestamptz, exit jsonb, "oomKilled" boolean, "restartCount" int, "imageDigest" text)
  ), written AS (
    INSERT INTO containers AS stored (
      "hostId", "dockerId", name, image, "imageId", command, state, status, ports, labels, "startedAt",
      exit, "oomKilled", "restartCount", "imageDigest", "organizationId", digest, "firstSeenAt", "changedAt", "removedAt")
    SELECT $1::uuid, "dockerId", name, image, "imageId", command, state, status, ports, labels, "startedAt",
      exit, "oomKilled", "restartCount", "imageDigest", '${ORGANIZATION}', '', now(), now(), NULL
    FROM incoming
    ON CONFLICT ("hostId", "dockerId") DO UPDATE SET
      name = excluded.name, image = excluded.image, "imageId" = excluded."imageId", command = excluded.command,
      state = excluded.state, status = excluded.status, ports = excluded.ports, labels = excluded.labels,
      "startedAt" = excluded."startedAt", exit = excluded.exit, "oomKilled" = excluded."oomKilled",
      "restartCount" = excluded."restartCount", "imageDigest" = excluded."imageDigest", "changedAt" = now(),
      "removedAt" = NULL
    WHERE (stored.name, stored.image, stored."imageId", stored.command, stored.state, stored.status, stored.ports,
        stored.labels, stored."startedAt", stored.exit, stored."oomKilled", stored."restartCount",
        stored."imageDigest", stored."removedAt")
      IS DISTINCT FROM (excluded.name, excluded.image, excluded."imageId", excluded.command, excluded.state,
        excluded.status, excluded.ports, excluded.labels, excluded."startedAt", excluded.exit, excluded."oomKilled",
        excluded."restartCount", excluded."imageDigest", excluded."removedAt")
    RETURNING "dockerId", name, state, "startedAt"
  ), gone AS (
    UPDATE containers SET state = 'exited', status = '', "removedAt" = now()
    WHERE "hostId" = $1::uuid AND "removedAt" IS NULL
      AND NOT EXISTS (SELECT 1 FROM incoming WHERE incoming."dockerId" = containers."dockerId")
    RETURNING "dockerId", name
  )`;

const TOUCH_HOST = `UPDATE hosts SET "lastSeenAt" = now(), "confirmedAt" = now() WHERE id = $1::uuid`;

/**
 * Inserts an event for each container that was created, restarted or removed. Like Muster, inserts no event if only the
 * age in the status text has changed. `before` contains the old rows, because every part of a statement reads the table
 * as it was before the statement.
 */
const HISTORY = `, recorded AS (
    INSERT INTO container_events (
      tx, "hostId", "organizationId", "dockerId", name, kind, "from", "to", "observedAt", "recordedAt")
    SELECT pg_current_xact_id()::text::bigint, $1::uuid, '${ORGANIZATION}', written."dockerId", written.name,
      CASE WHEN before."dockerId" IS NULL THEN 'created' ELSE 'restarted' END,
      to_jsonb(before.state), to_jsonb(written.state), now(), now()
    FROM written LEFT JOIN containers AS before
      ON before."hostId" = $1::uuid AND before."dockerId" = written."dockerId"
    WHERE (before.state, before."startedAt") IS DISTINCT FROM (written.state, written."startedAt")
    UNION ALL
    SELECT pg_current_xact_id()::text::bigint, $1::uuid, '${ORGANIZATION}', "dockerId", name, 'removed', NULL, NULL,
      now(), now()
    FROM gone
  )`;

/**
 * One prepared statement that compares and writes all containers. No implementation is expected to be faster, because
 * the statement does less than Muster: it ignores the order of snapshots, and stores no revisions and no health. With
 * `history`, it also writes events, as Muster does.
 */
export function createSetBased(url: string, { history }: { history: boolean }): Contender {
  const pool = createPool(url);
  const query = {
    name: history ? 'sync-with-history' : 'sync',
    text: `${STATEMENT}${history ? HISTORY : ''}\n  ${TOUCH_HOST}`,
  };
  return {
    id: history ? 'statement-history' : 'statement',
    async deliver({ hostId, containers }) {
      await pool.query({ ...query, values: [hostId, JSON.stringify(containers)] });
    },
    close: () => pool.end(),
  };
}
