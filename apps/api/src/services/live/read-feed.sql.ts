import { Prisma, type Database } from '@muster/db';
import { type HistoryPoint, SERVER_RUN } from '../../lib/database-history.js';
import { EVENT_COLUMNS, type EventRow, type FeedPosition, type HostEventRow } from '../inventory/index.js';

export type FeedRow = {
  organizationId: string;
  /** When the event's host was deleted; null if it was not. */
  deletedAt: Date | null;
} & (({ isHost: false } & EventRow) | ({ isHost: true; observedAt: Date } & Omit<HostEventRow, 'at'>));

/** The result of a read. All transactions before the horizon have ended, so they will add no more events. */
export interface FeedRead extends HistoryPoint {
  /** Ordered by organization, then by the order of the feed. */
  rows: FeedRow[];
}

/** Maximum number of events that one statement reads per organization. */
const ROWS_MAX = 500;

/** Maximum bytes of `from` and `to` of the events that one statement reads per organization. */
const BYTES_MAX = 512 * 1024;

const COLUMNS = {
  tx: 'tx',
  id: 'id',
  organizationId: '"organizationId"',
  hostId: '"hostId"',
  kind: 'kind',
  from: '"from"',
  to: '"to"',
  recordedAt: '"recordedAt"',
};

/** Columns that a host's event lacks, with their types. */
const CONTAINER_COLUMNS = {
  dockerId: 'text',
  name: 'text',
  exitCode: 'float8',
  exitReason: 'text',
  workloadKind: 'text',
  project: 'text',
  service: 'text',
  instance: 'text',
  image: 'text',
  exits: 'jsonb',
};

const common = Object.values(COLUMNS).map((column) => `e.${column}`);
const CONTAINER_EVENT_COLUMNS = Prisma.raw(
  [...common, 'e."observedAt"', ...Object.keys(CONTAINER_COLUMNS).map((column) => `e."${column}"`)].join(),
);
const HOST_EVENT_COLUMNS = Prisma.raw(
  [...common, 'e.at', ...Object.values(CONTAINER_COLUMNS).map((type) => `NULL::${type}`)].join(),
);

const IS_NEXT = Prisma.raw(
  'e."organizationId" = reader."organizationId" AND (e.tx, e.id) > (reader.tx, reader.id) AND e.tx < (SELECT horizon FROM feed)',
);

/**
 * Reads the events of containers and hosts after a position in the history of each organization, in one statement. A
 * transaction gets its id when it begins, but its events become visible only when it ends. Events are therefore skipped
 * if their transaction began after a transaction that is still running. Skipped events are read later in their order,
 * so no late commit is missed.
 *
 * Takes no locks. A transaction that stays open in any database of the server delays the feed, but no event is lost.
 */
export async function readFeed(
  { prisma }: Database,
  from: readonly { organizationId: string; position: FeedPosition }[],
): Promise<FeedRead> {
  const organizations = from.map(({ organizationId }) => organizationId);
  const txs = from.map(({ position }) => String(position.tx));
  const ids = from.map(({ position }) => String(position.id));
  type Row = HistoryPoint & (FeedRow | { [Column in keyof FeedRow]: null });
  const rows = await prisma.$queryRaw<Row[]>(Prisma.sql`
    WITH feed AS MATERIALIZED (
      SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon, ${Prisma.raw(SERVER_RUN)} AS server
    ), reader AS (
      SELECT * FROM unnest(${organizations}::text[], ${txs}::text[]::bigint[], ${ids}::text[]::bigint[])
        AS reader ("organizationId", tx, id)
    )
    SELECT feed.server, feed.horizon, e."organizationId", e."isHost", ${EVENT_COLUMNS}, h.name AS "hostName", h."deletedAt"
    FROM feed LEFT JOIN (
      reader CROSS JOIN LATERAL (
        SELECT e.*, sum(COALESCE(octet_length(e."from"::text), 0) + COALESCE(octet_length(e."to"::text), 0))
          OVER (ORDER BY e.tx, e.id ROWS UNBOUNDED PRECEDING) AS bytes, row_number() OVER (ORDER BY e.tx, e.id) AS number
        FROM (
          (SELECT FALSE AS "isHost", ${CONTAINER_EVENT_COLUMNS} FROM container_events AS e
          WHERE ${IS_NEXT} ORDER BY e.tx, e.id LIMIT ${ROWS_MAX}::int)
          UNION ALL
          (SELECT TRUE, ${HOST_EVENT_COLUMNS} FROM host_events AS e
          WHERE ${IS_NEXT} ORDER BY e.tx, e.id LIMIT ${ROWS_MAX}::int)
          ORDER BY tx, id LIMIT ${ROWS_MAX}::int
        ) AS e
      ) AS e JOIN hosts AS h ON h.id = e."hostId"
    ) ON e.number = 1 OR e.bytes <= ${BYTES_MAX}::int
    ORDER BY e."organizationId", e.tx, e.id`);
  if (rows[0] === undefined) throw new Error('the feed query returned no row');
  const { server, horizon } = rows[0];
  return { server, horizon, rows: rows.filter(isFeedRow) };
}

const isFeedRow = <Beside>(row: Beside & (FeedRow | { [Column in keyof FeedRow]: null })): row is Beside & FeedRow =>
  row.hostId !== null;

type EventTable = 'container_events' | 'host_events';

/** The history at a position and directly after it. */
export interface FoundPosition {
  hasEvent: boolean;
  /** When the first event after the position was recorded; null if no event follows. */
  nextRecordedAt: Date | null;
}

/** Finds a position in an organization's history. */
export async function findPosition(
  { prisma }: Database,
  organizationId: string,
  { tx, id }: FeedPosition,
): Promise<FoundPosition> {
  const hasEvent = (table: EventTable) => Prisma.sql`EXISTS (
    SELECT FROM ${Prisma.raw(table)} AS e
    WHERE e."organizationId" = ${organizationId} AND e.tx = ${tx}::bigint AND e.id = ${id}::bigint)`;
  const nextRecordedAt = (table: EventTable) => Prisma.sql`(
    SELECT e."recordedAt" FROM ${Prisma.raw(table)} AS e
    WHERE e."organizationId" = ${organizationId} AND (e.tx, e.id) > (${tx}::bigint, ${id}::bigint)
    ORDER BY e.tx, e.id LIMIT 1)`;
  const [place] = await prisma.$queryRaw<FoundPosition[]>(Prisma.sql`
    SELECT ${hasEvent('container_events')} OR ${hasEvent('host_events')} AS "hasEvent",
      LEAST(${nextRecordedAt('container_events')}, ${nextRecordedAt('host_events')}) AS "nextRecordedAt"`);
  if (place === undefined) throw new Error('the position query returned no row');
  return place;
}

/** Finds an organization's last event before a transaction; null if there is no such event. */
export async function findLastEvent(
  { prisma }: Database,
  organizationId: string,
  beforeTx: bigint,
): Promise<FeedPosition | null> {
  const last = (table: EventTable) => Prisma.sql`(
    SELECT e.tx, e.id FROM ${Prisma.raw(table)} AS e
    WHERE e."organizationId" = ${organizationId} AND e.tx < ${beforeTx}::bigint
    ORDER BY e.tx DESC, e.id DESC LIMIT 1)`;
  const [row] = await prisma.$queryRaw<FeedPosition[]>(Prisma.sql`
    ${last('container_events')} UNION ALL ${last('host_events')} ORDER BY tx DESC, id DESC LIMIT 1`);
  return row ?? null;
}
