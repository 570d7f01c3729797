import type { Container } from '@muster/contracts';
import { ORGANIZATION } from '@muster/fleet';
import type pg from 'pg';

const UPSERT = {
  name: 'upsert-container',
  text: `
    INSERT INTO containers (
      "hostId", "dockerId", name, image, "imageId", command, state, status, ports, labels, "startedAt",
      exit, "oomKilled", "restartCount", "imageDigest", "organizationId", digest, "firstSeenAt", "changedAt", "removedAt")
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, '${ORGANIZATION}', '', now(), now(), NULL)
    ON CONFLICT ("hostId", "dockerId") DO UPDATE SET
      name = excluded.name, image = excluded.image, "imageId" = excluded."imageId", command = excluded.command,
      state = excluded.state, status = excluded.status, ports = excluded.ports, labels = excluded.labels,
      "startedAt" = excluded."startedAt", exit = excluded.exit, "oomKilled" = excluded."oomKilled",
      "restartCount" = excluded."restartCount", "imageDigest" = excluded."imageDigest", "changedAt" = now(),
      "removedAt" = NULL`,
};

const MARK_ABSENT = {
  name: 'mark-absent',
  text: `
    UPDATE containers SET state = 'exited', status = '', "removedAt" = now()
    WHERE "hostId" = $1 AND "dockerId" <> ALL ($2::text[]) AND "removedAt" IS NULL`,
};

export const TOUCH_HOST = { name: 'touch-host', text: `UPDATE hosts SET "lastSeenAt" = now() WHERE id = $1` };

/**
 * Makes a host's rows equal to its snapshot with one prepared statement per row, in a transaction. It is the obvious
 * implementation in its fastest form: without an ORM, and with statements that the server plans only once.
 */
export async function deliverRowByRow(pool: pg.Pool, hostId: string, containers: readonly Container[]): Promise<void> {
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query('BEGIN');
    for (const {
      dockerId,
      name,
      image,
      imageId,
      command,
      state,
      status,
      ports,
      labels,
      startedAt,
      ...facts
    } of containers) {
      await client.query({
        ...UPSERT,
        values: [
          ...[hostId, dockerId, name, image, imageId, command, state, status],
          ...[JSON.stringify(ports), JSON.stringify(labels), startedAt],
          ...[facts.exit ?? null, facts.oomKilled, facts.restartCount, facts.imageDigest],
        ],
      });
    }
    await client.query({ ...MARK_ABSENT, values: [hostId, containers.map(({ dockerId }) => dockerId)] });
    await client.query({ ...TOUCH_HOST, values: [hostId] });
    await client.query('COMMIT');
    broken = false;
  } finally {
    // After a failure, the connection is closed, which ends its transaction.
    client.release(broken);
  }
}
