import { Prisma, type Database } from '@muster/db';
import type { Lease } from '../../lib/lease.js';
import { freshnessCutoffs, freshnessSql, type FreshnessContext, type Outage } from '../freshness/index.js';
import { CLONE_SUSPECTED_MS } from '../sync/index.js';
import type { RecordedSilence, SilenceColumns, SilenceOutcome } from './silence-events.js';

/**
 * Reads the time until which Muster was certainly up, and Muster's outages before that time. Returns null if no process
 * was ever up.
 */
export async function readUptime({ prisma }: Database): Promise<{ aliveAt: Date; outages: Outage[] } | null> {
  // The timestamp and the outages are read in one statement, so that no outage that ended before `aliveAt` is missing.
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

/** A host that may have events to record, with the values that were read. */
export interface CandidateHost extends SilenceColumns {
  id: string;
  organizationId: string;
  /** Whether the suspicion of a clone has expired, so that the end of the suspicion must be recorded. */
  isCloneExpired: boolean;
  cloneSuspectedAt: Date | null;
  cloneSuspectedSince: Date | null;
  /** The columns in `VERSION` as text, to detect whether they have changed since the read. */
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
): Promise<CandidateHost[]> {
  const { silence } = freshnessSql(freshnessCutoffs(context));
  const expired = Prisma.sql`COALESCE(
    h."cloneSuspectedAt" <= ${new Date(context.now.getTime() - CLONE_SUSPECTED_MS)}::timestamptz, FALSE)`;
  type Row = Omit<CandidateHost, 'endedSilences' | 'recordedSilence'> & {
    endedSilences: { from: string; until: string; heartbeatSeconds: number; left?: boolean }[] | null;
    recordedSilence: { from: string; state: RecordedSilence['state'] } | null;
  };
  const rows = await prisma.$queryRaw<Row[]>(Prisma.sql`
    SELECT h.id::text AS id, h."organizationId", h."lastSeenAt", h."heartbeatSeconds", h."leftAt", h."endedSilences",
      h."recordedSilence", h."observedAt" IS NOT NULL OR h."confirmedAt" IS NOT NULL AS "hasSnapshot",
      ${expired} AS "isCloneExpired", h."cloneSuspectedAt", h."cloneSuspectedSince", ${VERSION} AS version
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
    endedSilences: (endedSilences ?? []).map(({ from, until, ...silence }) => ({
      ...silence,
      from: new Date(from),
      until: new Date(until),
    })),
    recordedSilence: recordedSilence && { ...recordedSilence, from: new Date(recordedSilence.from) },
  }));
}

/** What must be recorded for a host. */
export interface HostOutcome {
  host: CandidateHost;
  outcome: SilenceOutcome;
}

/** Returns the event that ends the suspicion of a clone, a day after the clone was last seen. */
function endOfSuspicion({ cloneSuspectedAt, cloneSuspectedSince }: CandidateHost) {
  const since = (cloneSuspectedSince ?? cloneSuspectedAt!).toISOString();
  const at = new Date(cloneSuspectedAt!.getTime() + CLONE_SUSPECTED_MS);
  return { kind: 'problem_ended', from: { code: 'clone_suspected', since }, to: null, at } as const;
}

/**
 * Records the outcomes of hosts, with their events, in one statement, if this process still holds the lease. Locks the
 * hosts' rows in the order of their ids, and only for this statement. Skips a host whose row is locked or has changed
 * since it was read; the next run finds the host again. Agents therefore never wait for more than one statement.
 * Resolves with the number of recorded events; null if the lease is lost.
 */
export async function writeSilences(
  { prisma }: Database,
  lease: Pick<Lease, 'confirmation'>,
  outcomes: readonly HostOutcome[],
  now: Date,
): Promise<number | null> {
  const hosts = outcomes.map(({ host, outcome: { endedSilences, recordedSilence } }) => ({
    id: host.id,
    version: host.version,
    isCloneExpired: host.isCloneExpired,
    endedSilences: endedSilences.length === 0 ? null : endedSilences,
    recordedSilence,
  }));
  const events = outcomes.flatMap(({ host, outcome }) =>
    [...outcome.events, ...(host.isCloneExpired ? [endOfSuspicion(host)] : [])].map((event, place) => ({
      hostId: host.id,
      place,
      ...event,
    })),
  );
  // The timestamps of `version` are compared as text, in the session's time zone, as they were read.
  const [written] = await prisma.$queryRaw<{ isHeld: boolean; events: number }[]>(Prisma.sql`
    WITH lease AS MATERIALIZED (
      ${lease.confirmation()}
    ), entry AS (
      SELECT * FROM json_to_recordset(${JSON.stringify(hosts)}::json) AS entry (
        id uuid, version text, "isCloneExpired" boolean, "endedSilences" jsonb, "recordedSilence" jsonb)
    ), locked AS (
      SELECT h.id FROM hosts AS h WHERE h.id IN (SELECT id FROM entry) AND EXISTS (SELECT FROM lease)
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
    ), recorded AS (
      INSERT INTO host_events (tx, id, "hostId", "organizationId", kind, "from", "to", at, "recordedAt")
      SELECT pg_current_xact_id()::text::bigint, nextval('container_events_id_seq'), event."hostId",
        event."organizationId", event.kind, event."from", event."to", event.at, ${now}::timestamptz
      FROM (
        SELECT event.*, written."organizationId"
        FROM json_to_recordset(${JSON.stringify(events)}::json) AS event (
          "hostId" uuid, kind text, "from" jsonb, "to" jsonb, at timestamptz, place int)
        JOIN written ON written.id = event."hostId"
        ORDER BY event.at, event.place
      ) AS event
      RETURNING 1
    )
    SELECT EXISTS (SELECT FROM lease) AS "isHeld", (SELECT count(*)::int FROM recorded) AS events`);
  return written?.isHeld === true ? written.events : null;
}
