import { Prisma, type Database } from '@muster/db';
import type { SnapshotDiff } from '../domain/diff-snapshot.js';
import type { SnapshotOrder, SnapshotTimes } from '../domain/order.js';
import type { StateCounts } from '../domain/state-counts.js';
import { orderTest, takeOrder } from './host-order.js';

export interface SnapshotWrite {
  hostId: string;
  /** The host's revision that `diff` was made against. */
  revision: number;
  diff: SnapshotDiff;
  /** Of the rows that are present after the write. */
  stateCounts: StateCounts;
  complete: boolean;
  /** Of the body; null for one that must not be remembered. */
  digest: string | null;
  order: SnapshotOrder | null;
  times: SnapshotTimes;
  /** The instant by the host's clock that its history tells. */
  eventsObservedAt: Date;
}

/** What the database wrote. */
export interface SnapshotWritten {
  revision: number;
  digest: string | null;
  created: number;
  updated: number;
  removed: number;
}

/**
 * Writes a diff, all of it in one statement. Its guard locks the host's row and passes only if the revision is still
 * the one that was compared with and the order still allows it; everything else is written FROM the guard, so that
 * a failed guard writes nothing. Whatever changes a host's rows holds this lock and raises the revision: two
 * snapshots of one host are serialized by it, those of two hosts share no lock, and since no statement holds one
 * host's lock while it waits for another's, there is no deadlock. The rows themselves need no order of their own.
 *
 * Null: the guard failed. Read again, compare again.
 */
export async function writeSnapshot({ prisma }: Database, write: SnapshotWrite): Promise<SnapshotWritten | null> {
  const { hostId, revision, diff, complete, digest, order, times, eventsObservedAt } = write;
  const { receivedAt } = times;
  const rowsChange = diff.writes.length > 0 || diff.removals.length > 0;
  const [written] = await prisma.$queryRaw<SnapshotWritten[]>(Prisma.sql`
    WITH guard AS (
      UPDATE hosts SET
        revision = revision + ${rowsChange ? 1 : 0}::int,
        digest = ${complete ? digest : null},
        "lastSeenAt" = ${receivedAt}::timestamptz,
        "confirmedAt" = ${complete ? Prisma.sql`${receivedAt}::timestamptz` : Prisma.sql`"confirmedAt"`},
        "engineError" = NULL,
        "containerCount" = ${presentCount(diff, complete)},
        "stateCounts" = ${JSON.stringify(write.stateCounts)}::jsonb,
        ${takeOrder(order, times)}
      WHERE id = ${hostId}::uuid AND revision = ${revision}::int AND "deletedAt" IS NULL
        AND ${orderTest(order, times)}
      RETURNING id, "organizationId", revision, digest
    ), written AS (
      INSERT INTO containers AS stored (
        "hostId", "dockerId", name, image, "imageId", command, state, status, ports, labels, "startedAt",
        health, "exitCode", digest, "firstSeenAt", "changedAt", "removedAt", "organizationId")
      SELECT guard.id, r."dockerId", r.name, r.image, r."imageId", r.command, r.state, r.status, r.ports, r.labels,
        r."startedAt", r.health, r."exitCode", r.digest, ${receivedAt}::timestamptz, ${receivedAt}::timestamptz, NULL,
        guard."organizationId"
      FROM guard, jsonb_to_recordset(${JSON.stringify(diff.writes)}::jsonb) AS r(
        "dockerId" text, name text, image text, "imageId" text, command text, state text, status text, ports jsonb,
        labels jsonb, "startedAt" timestamptz, health text, "exitCode" int, digest text)
      ON CONFLICT ("hostId", "dockerId") DO UPDATE SET
        name = excluded.name, image = excluded.image, "imageId" = excluded."imageId",
        command = ${keepEqual('command')},
        state = excluded.state, status = excluded.status, ports = excluded.ports,
        labels = ${keepEqual('labels')},
        "startedAt" = excluded."startedAt", health = excluded.health, "exitCode" = excluded."exitCode",
        digest = excluded.digest, "removedAt" = NULL,
        "changedAt" = CASE
          WHEN stored."dockerId" = ANY (${agedOnly(diff)}::text[]) THEN stored."changedAt"
          ELSE excluded."changedAt"
        END
      RETURNING (xmax = 0) AS inserted
    ), gone AS (
      UPDATE containers SET
        state = 'exited', status = '', health = NULL, "exitCode" = NULL, digest = '',
        "changedAt" = ${receivedAt}::timestamptz, "removedAt" = ${receivedAt}::timestamptz
      FROM guard
      WHERE "hostId" = guard.id AND "dockerId" = ANY (${diff.removals}::text[]) AND "removedAt" IS NULL
      RETURNING 1
    ), changed AS (
      INSERT INTO container_changes ("organizationId", "changedAt", "hostId")
      SELECT guard."organizationId", ${receivedAt}::timestamptz, guard.id
      FROM guard WHERE ${diff.writes.some(({ changed }) => changed)}::boolean
      ON CONFLICT DO NOTHING
    ), recorded AS (
      INSERT INTO container_events (
        tx, "hostId", "dockerId", name, kind, "from", "to", "exitCode", "observedAt", "recordedAt",
        "organizationId")
      SELECT pg_current_xact_id()::text::bigint, guard.id, e."dockerId", e.name, e.kind, e."from", e."to",
        e."exitCode", ${eventsObservedAt}::timestamptz, ${receivedAt}::timestamptz, guard."organizationId"
      FROM guard, jsonb_to_recordset(${JSON.stringify(diff.events)}::jsonb) AS e(
        "dockerId" text, name text, kind text, "from" jsonb, "to" jsonb, "exitCode" int)
    )
    SELECT guard.revision, guard.digest,
      (SELECT count(*) FILTER (WHERE inserted) FROM written)::int AS created,
      (SELECT count(*) FILTER (WHERE NOT inserted) FROM written)::int AS updated,
      (SELECT count(*) FROM gone)::int AS removed
    FROM guard`);
  return written ?? null;
}

/**
 * The stored value where the new one is equal: one that was compressed or moved out of the row for its size differs
 * byte for byte from the same value as it comes in, and would then be written to every index that names the column.
 */
function keepEqual(column: 'command' | 'labels'): Prisma.Sql {
  const name = Prisma.raw(column);
  return Prisma.sql`CASE WHEN stored.${name} = excluded.${name} THEN stored.${name} ELSE excluded.${name} END`;
}

/** The host's `containerCount` after the write. */
function presentCount({ writes, removals, events, unchanged }: SnapshotDiff, complete: boolean): Prisma.Sql {
  if (complete) return Prisma.sql`${writes.length + unchanged}::int`;
  const appeared = events.filter(({ kind }) => kind === 'created' || kind === 'reappeared').length;
  return Prisma.sql`"containerCount" + ${appeared - removals.length}::int`;
}

/** The ids of rows in which nothing but the status text's age changed. */
const agedOnly = ({ writes }: SnapshotDiff): string[] =>
  writes.filter(({ changed }) => !changed).map(({ dockerId }) => dockerId);
