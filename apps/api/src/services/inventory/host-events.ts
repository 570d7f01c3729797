import type { EventQuery, HostEvent, HostEventKind, HostEventQuery, HostEventValue, Page } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { NotFoundError } from '../../errors.js';
import { decodeCursor, encodeCursor } from '../../lib/cursor.js';
import { EVENTS_READ_MAX, PAGE_BYTES_MAX, type EventListLimits } from './events.js';
import { formatPosition } from './feed-position.js';
import { hostsWithLabels } from './host-labels.sql.js';
import { findFewHosts, selectByHosts, selectInOrder } from './select-events.sql.js';

/** The row of an event of a host, with the name of the host. */
export interface HostEventRow {
  tx: bigint;
  id: bigint;
  hostId: string;
  hostName: string;
  kind: HostEventKind;
  from: HostEventValue;
  to: HostEventValue;
  at: Date;
  recordedAt: Date;
}

export const toHostEvent = ({ tx, id, hostId, hostName, kind, from, to, at, recordedAt }: HostEventRow): HostEvent => ({
  id: formatPosition({ tx, id }),
  hostId,
  hostName,
  kind,
  from,
  to,
  at: at.toISOString(),
  recordedAt: recordedAt.toISOString(),
});

/** Maximum minutes by which `recordedAt` may deviate from the order of the events. */
const DISORDER_MINUTES_MAX = 10;

/** The filters of host events. A query of all events with `subject=host` has the same filters. */
type Filters = Omit<HostEventQuery, 'kind'> &
  Pick<EventQuery, 'hostId' | 'hostLabel'> & { kind?: string[] | undefined };

/**
 * Lists an organization's events of hosts, newest first. As with `listEvents`, a page has at most `pageBytesMax` bytes
 * of `from` and `to`, and only a null `nextCursor` marks the end. An event is recorded after it happened, so events
 * that were recorded before `since` need not be read.
 */
export async function listHostEvents(
  db: Database,
  organizationId: string,
  { hostId, hostLabel, kind, since, until, cursor, limit }: Filters,
  { eventsReadMax = EVENTS_READ_MAX, pageBytesMax = PAGE_BYTES_MAX }: EventListLimits = {},
): Promise<Page<HostEvent>> {
  const scanned = [Prisma.sql`e."organizationId" = ${organizationId}`];
  if (cursor !== undefined) {
    const [tx, id] = decodeCursor(cursor, ['int8', 'int8']);
    scanned.push(Prisma.sql`(e.tx, e.id) < (${tx}::bigint, ${id}::bigint)`);
  }
  const conditions = [Prisma.sql`(SELECT h."deletedAt" IS NULL FROM hosts AS h WHERE h.id = e."hostId")`];
  if (hostId) conditions.push(Prisma.sql`e."hostId" = ANY (${hostId}::uuid[])`);
  if (hostLabel) conditions.push(Prisma.sql`e."hostId" IN (${hostsWithLabels(organizationId, hostLabel)})`);
  if (kind) conditions.push(Prisma.sql`e.kind = ANY (${kind}::text[])`);
  if (until !== undefined) conditions.push(Prisma.sql`e.at < ${until}::timestamptz`);
  let isWithinPeriod = Prisma.sql`TRUE`;
  if (since !== undefined) {
    conditions.push(Prisma.sql`e.at >= ${since}::timestamptz`);
    isWithinPeriod = Prisma.sql`e."recordedAt" >= ${since}::timestamptz - ${DISORDER_MINUTES_MAX}::int * interval '1 minute'`;
  }
  type Scan = { isCut: boolean; stoppedAt: [tx: bigint, id: bigint] | null };
  type Row = Scan & (HostEventRow | { [Column in keyof HostEventRow]: null });
  const hostIds = await findFewHosts(db, organizationId, { hostId, hostLabel });
  const newest =
    hostIds === null
      ? selectInOrder('host_events', scanned, eventsReadMax)
      : selectByHosts('host_events', hostIds, scanned, eventsReadMax);
  const rows = await db.prisma.$queryRaw<Row[]>(Prisma.sql`
    WITH walked AS MATERIALIZED (
      ${newest}
    ), sized AS (
      SELECT e.*, sum(COALESCE(octet_length(e."from"::text), 0) + COALESCE(octet_length(e."to"::text), 0))
        OVER (ROWS UNBOUNDED PRECEDING) AS bytes, row_number() OVER () AS number
      FROM (SELECT * FROM walked AS e WHERE ${Prisma.join(conditions, ' AND ')} LIMIT ${limit + 1}::int) AS e
    ), page AS MATERIALIZED (
      SELECT * FROM sized WHERE number = 1 OR bytes <= ${pageBytesMax}::int
    )
    SELECT e.tx, e.id, e."hostId"::text AS "hostId", h.name AS "hostName", e.kind, e."from", e."to", e.at, e."recordedAt",
      ended.*
    FROM (SELECT
      (SELECT count(*) FROM sized) > (SELECT count(*) FROM page) AS "isCut",
      CASE WHEN (SELECT count(*) FROM sized) <= ${limit}::int THEN (
        SELECT CASE WHEN ${isWithinPeriod} THEN ARRAY[e.tx, e.id] END
        FROM walked AS e OFFSET ${eventsReadMax - 1}::int LIMIT 1) END AS "stoppedAt"
    ) AS ended
    LEFT JOIN (page AS e JOIN hosts AS h ON h.id = e."hostId") ON TRUE
    ORDER BY e.tx DESC, e.id DESC`);
  const events = rows.filter((row): row is Row & HostEventRow => row.hostId !== null);
  const items = events.slice(0, limit);
  const last = items.at(-1);
  const isFull = rows[0]?.isCut === true || events.length > limit;
  const end = last && isFull ? [last.tx, last.id] : rows[0]?.stoppedAt;
  return { items: items.map(toHostEvent), nextCursor: end ? encodeCursor(end.map(Number)) : null };
}

/**
 * Lists the events of one host.
 * @throws NotFoundError if the organization has no such host.
 */
export async function listEventsOfHost(
  db: Database,
  organizationId: string,
  hostId: string,
  query: HostEventQuery,
): Promise<Page<HostEvent>> {
  const found = await db.prisma.host.count({ where: { id: hostId, organizationId, deletedAt: null } });
  if (found === 0) throw new NotFoundError('host');
  return listHostEvents(db, organizationId, { ...query, hostId: [hostId] });
}
