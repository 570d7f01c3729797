import { Prisma, type Database } from '@muster/db';
import { freshnessCutoffs, freshnessSql, type FreshnessContext, type Outage } from '../freshness/index.js';
import type { EndedSilence, RecordedSilence, SilenceColumns, SilenceOutcome } from './silence-events.js';

/** Until when Muster was up for certain, and its outages before that; null if no process was ever up. */
export async function readUptime({ prisma }: Database): Promise<{ aliveAt: Date; outages: Outage[] } | null> {
  // One statement, so that no outage that ended before `aliveAt` is missing.
  const [row] = await prisma.$queryRaw<{ aliveAt: Date; outages: { startedAt: string; endedAt: string }[] | null }[]>`
    SELECT "aliveAt", (SELECT json_agg(o ORDER BY o."startedAt") FROM service_outages AS o) AS outages
    FROM service_liveness WHERE id = 1`;
  if (row === undefined) return null;
  const outages = (row.outages ?? []).map(({ startedAt, endedAt }) => ({
    startedAt: new Date(startedAt),
    endedAt: new Date(endedAt),
  }));
  return { aliveAt: row.aliveAt, outages };
}

/** A host that may have events to record, as it was read. */
export interface FoundHost extends SilenceColumns {
  id: string;
  organizationId: string;
  /** Whether the suspicion of a clone has expired, whose end is then recorded. */
  isCloneExpired: boolean;
  /** The columns as text, to detect that they changed since. */
  version: string;
}

const VERSION = Prisma.sql`
  ROW(h."lastSeenAt", h."leftAt", h."endedSilences", h."recordedSilence", h."cloneSuspectedAt")::text`;

/**
 * Finds the next hosts, in the order of their ids, whose silence differs from what is recorded. Reads each host once,
 * without a lock.
 */
export async function findSilences(
  { prisma }: Database,
  after: string,
  limit: number,
  context: FreshnessContext,
): Promise<FoundHost[]> {
  const { silence } = freshnessSql(freshnessCutoffs(context));
  // 24 hours, like `CLONE_SUSPECTED_MS` and the trigger.
  const expired = Prisma.sql`COALESCE(h."cloneSuspectedAt" <= ${context.now}::timestamptz - interval '24 hours', FALSE)`;
  type Row = Omit<FoundHost, 'endedSilences' | 'recordedSilence'> & {
    endedSilences: Record<keyof EndedSilence, string | number>[] | null;
    recordedSilence: { from: string; state: RecordedSilence['state'] } | null;
  };
  const rows = await prisma.$queryRaw<Row[]>(Prisma.sql`
    SELECT h.id::text AS id, h."organizationId", h."lastSeenAt", h."heartbeatSeconds", h."leftAt", h."endedSilences",
      h."recordedSilence", h."observedAt" IS NOT NULL OR h."confirmedAt" IS NOT NULL AS "hasSnapshot",
      ${expired} AS "isCloneExpired", ${VERSION} AS version
    FROM hosts AS h
    WHERE h.id > ${after}::uuid AND h."deletedAt" IS NULL AND (
      h."endedSilences" IS NOT NULL
      OR ${expired}
      OR h."leftAt" IS NULL AND ${silence} <> COALESCE(h."recordedSilence" ->> 'state', 'online')
        AND (h."observedAt" IS NOT NULL OR h."confirmedAt" IS NOT NULL)
      OR h."recordedSilence" IS NOT NULL
        AND (h."leftAt" IS NOT NULL OR h."lastSeenAt" > (h."recordedSilence" ->> 'from')::timestamptz))
    ORDER BY h.id LIMIT ${limit}::int`);
  return rows.map(({ endedSilences, recordedSilence, ...row }) => ({
    ...row,
    endedSilences: (endedSilences ?? []).map(({ from, until, heartbeatSeconds }) => ({
      from: new Date(from),
      until: new Date(until),
      heartbeatSeconds: Number(heartbeatSeconds),
    })),
    recordedSilence: recordedSilence && { ...recordedSilence, from: new Date(recordedSilence.from) },
  }));
}

/**
 * Records the outcomes of hosts, with their events, in one statement. Locks the hosts' rows in the order of their ids,
 * and only for this statement. Skips a host whose row is locked or has changed since it was read; the next run finds it
 * again. Agents therefore never wait for more than one statement. Resolves with the number of recorded events.
 */
export async function writeSilences(
  tx: Prisma.TransactionClient,
  outcomes: readonly { host: FoundHost; outcome: SilenceOutcome }[],
  now: Date,
): Promise<number> {
  const hosts = outcomes.map(({ host, outcome: { endedSilences, recordedSilence } }) => ({
    id: host.id,
    version: host.version,
    isCloneExpired: host.isCloneExpired,
    endedSilences: endedSilences.length === 0 ? null : endedSilences,
    recordedSilence,
  }));
  const events = outcomes.flatMap(({ host, outcome }) =>
    outcome.events.map((event, place) => ({ hostId: host.id, place, ...event })),
  );
  // The timestamps of `version` are compared as text, in the session's time zone, as they were read.
  return tx.$executeRaw(Prisma.sql`
    WITH entry AS (
      SELECT * FROM json_to_recordset(${JSON.stringify(hosts)}::json) AS entry (
        id uuid, version text, "isCloneExpired" boolean, "endedSilences" jsonb, "recordedSilence" jsonb)
    ), locked AS (
      SELECT h.id FROM hosts AS h WHERE h.id IN (SELECT id FROM entry)
      ORDER BY h.id FOR NO KEY UPDATE SKIP LOCKED
    ), written AS (
      UPDATE hosts AS h SET
        "endedSilences" = entry."endedSilences",
        "recordedSilence" = entry."recordedSilence",
        "cloneSuspectedAt" = CASE WHEN entry."isCloneExpired" THEN NULL ELSE h."cloneSuspectedAt" END,
        "cloneSuspectedSince" = CASE WHEN entry."isCloneExpired" THEN NULL ELSE h."cloneSuspectedSince" END
      FROM entry JOIN locked USING (id)
      WHERE h.id = entry.id AND h."deletedAt" IS NULL AND ${VERSION} = entry.version
      RETURNING h.id, h."organizationId"
    )
    INSERT INTO host_events (tx, id, "hostId", "organizationId", kind, "from", "to", at, "recordedAt")
    SELECT pg_current_xact_id()::text::bigint, nextval('container_events_id_seq'), event."hostId", event."organizationId",
      event.kind, event."from", event."to", event.at, ${now}::timestamptz
    FROM (
      SELECT event.*, written."organizationId"
      FROM json_to_recordset(${JSON.stringify(events)}::json) AS event (
        "hostId" uuid, kind text, "from" jsonb, "to" jsonb, at timestamptz, place int)
      JOIN written ON written.id = event."hostId"
      ORDER BY event.at, event.place
    ) AS event`);
}
