import type { ContainerEvent, EventQuery, Page } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { decodeCursor, encodeCursor } from '../../lib/cursor.js';
import { textBeginning } from './container-columns.sql.js';
import { hostsWithLabels } from './host-labels.sql.js';
import { toContainerEvent, type EventRow } from './event-row.js';
import { findFewHosts, selectByHosts, selectInOrder } from './select-events.sql.js';

/** The columns of an event, with the alias `e`. */
export const EVENT_COLUMNS = Prisma.sql`
  e.tx, e.id, e."hostId"::text AS "hostId", e."dockerId", e.name, e.kind, e."from", e."to", e."exitCode", e."exitReason",
  e."workloadKind", e.project, e.service, e.instance, e.image, e.exits, e."observedAt", e."recordedAt"`;

/** The bytes of an event's texts, which anyone who starts containers can make long. */
const EVENT_OCTETS = Prisma.raw(
  ['"from"::text', '"to"::text', 'name', 'project', 'service', 'instance', 'image']
    .map((column) => `COALESCE(octet_length(e.${column}), 0)`)
    .join(' + '),
);

/** Maximum number of events read for one page, which bounds the cost of a page if few events match. */
export const EVENTS_READ_MAX = 10_000;

/**
 * Maximum total bytes of the events' fields `from` and `to` on a page. A page that reaches this limit ends, even if it
 * has few events. The database measures the bytes as JSON text, and the response may be a few times larger.
 */
export const PAGE_BYTES_MAX = 256 * 1024;

/**
 * Maximum minutes by which the `recordedAt` of events may deviate from the order of their transactions. Covers the
 * duration of a write and the difference between the clocks of two servers.
 */
const DISORDER_MINUTES_MAX = 10;

/** Limits of the work for one page of events. */
export interface EventListLimits {
  eventsReadMax?: number;
  pageBytesMax?: number;
}

/**
 * Lists an organization's history, newest first. A page may have fewer than `limit` items, even none, without being the
 * last page. Only a null `nextCursor` marks the end.
 */
export async function listEvents(
  db: Database,
  organizationId: string,
  query: Omit<EventQuery, 'subject'>,
  { eventsReadMax = EVENTS_READ_MAX, pageBytesMax = PAGE_BYTES_MAX }: EventListLimits = {},
): Promise<Page<ContainerEvent>> {
  const { hostId, hostLabel, dockerId, name, kind, exitReason, project, service, instance, since, until, limit } =
    query;
  const conditions = [Prisma.sql`(SELECT h."deletedAt" IS NULL FROM hosts AS h WHERE h.id = e."hostId")`];
  if (hostId) conditions.push(Prisma.sql`e."hostId" = ANY (${hostId}::uuid[])`);
  if (hostLabel) conditions.push(Prisma.sql`e."hostId" IN (${hostsWithLabels(organizationId, hostLabel)})`);
  if (dockerId) conditions.push(Prisma.sql`e."dockerId" = ANY (${dockerId}::text[])`);
  if (name) conditions.push(Prisma.sql`e.name = ANY (${name}::text[])`);
  if (kind) conditions.push(Prisma.sql`e.kind = ANY (${kind}::text[])`);
  if (exitReason) {
    conditions.push(Prisma.sql`(e."exitReason" = ANY (${exitReason}::text[]) OR e.exits IS NOT NULL AND EXISTS (
      SELECT FROM jsonb_each(e.exits -> 'codes') AS codes WHERE value ->> 'reason' = ANY (${exitReason}::text[])))`);
  }
  if (project) conditions.push(Prisma.sql`e.project = ANY (${project}::text[])`);
  if (service) conditions.push(Prisma.sql`e.service = ANY (${service}::text[])`);
  if (instance) conditions.push(Prisma.sql`e.instance = ANY (${instance}::text[])`);
  if (until !== undefined) conditions.push(Prisma.sql`e."recordedAt" < ${until}::timestamptz`);
  let isWithinPeriod = Prisma.sql`TRUE`;
  if (since !== undefined) {
    conditions.push(Prisma.sql`e."recordedAt" >= ${since}::timestamptz`);
    isWithinPeriod = Prisma.sql`e."recordedAt" >= ${since}::timestamptz - ${DISORDER_MINUTES_MAX}::int * interval '1 minute'`;
  }
  const hostIds = await findFewHosts(db, organizationId, query);
  // With MATERIALIZED, the planner does not sort events that can be scanned in order, so only as many events as the
  // page needs are read.
  const rows = await db.prisma.$queryRaw<ScanRow[]>(Prisma.sql`
    WITH walked AS MATERIALIZED (
      ${selectNewest(organizationId, query, hostIds, eventsReadMax)}
    ), sized AS (
      SELECT e.*, sum(${EVENT_OCTETS})
        OVER (ROWS UNBOUNDED PRECEDING) AS bytes, row_number() OVER () AS number
      FROM (SELECT * FROM walked AS e WHERE ${Prisma.join(conditions, ' AND ')} LIMIT ${limit + 1}::int) AS e
    ), page AS MATERIALIZED (
      SELECT * FROM sized WHERE number = 1 OR bytes <= ${pageBytesMax}::int
    )
    SELECT ${EVENT_COLUMNS}, h.name AS "hostName", ended.*
    FROM (SELECT
      (SELECT count(*) FROM sized) > (SELECT count(*) FROM page) AS "isCut",
      CASE WHEN (SELECT count(*) FROM sized) <= ${limit}::int THEN (
        SELECT CASE WHEN ${isWithinPeriod} THEN ARRAY[e.tx, e.id] END
        FROM walked AS e OFFSET ${eventsReadMax - 1}::int LIMIT 1) END AS "stoppedAt"
    ) AS ended
    LEFT JOIN (page AS e JOIN hosts AS h ON h.id = e."hostId") ON TRUE
    ORDER BY e.tx DESC, e.id DESC`);
  return toPage(rows, limit);
}

/**
 * Selects the events of a few hosts, one service, one name or the whole organization in the order of an index, newest
 * first.
 */
function selectNewest(
  organizationId: string,
  { name, service, cursor }: Omit<EventQuery, 'subject'>,
  hostIds: readonly string[] | null,
  eventsReadMax: number,
): Prisma.Sql {
  const conditions = [Prisma.sql`e."organizationId" = ${organizationId}`];
  if (cursor !== undefined) {
    const [tx, id] = decodeCursor(cursor, ['int8', 'int8']);
    conditions.push(Prisma.sql`(e.tx, e.id) < (${tx}::bigint, ${id}::bigint)`);
  }
  const isNamed = service?.length === 1 || name?.length === 1;
  if (hostIds !== null && (!isNamed || hostIds.length <= 1)) {
    return selectByHosts('container_events', hostIds, conditions, eventsReadMax);
  }
  if (service?.length === 1) {
    const beginning = textBeginning(service[0]!);
    conditions.push(Prisma.sql`e.service IS NOT NULL AND (left(e.service, 200) COLLATE "C") = ${beginning}`);
  } else if (name?.length === 1) {
    conditions.push(Prisma.sql`(left(e.name, 200) COLLATE "C") = ${textBeginning(name[0]!)}`);
  }
  return selectInOrder('container_events', conditions, eventsReadMax);
}

/** The outcome of the whole scan, which is repeated in each row of the result. */
interface EventScan {
  /** Whether the page ended because it reached the byte limit. */
  isCut: boolean;
  /** Where the scan ended because it reached its limit; null if the page is full or there are no more events. */
  stoppedAt: [tx: bigint, id: bigint] | null;
}

/** A row of the result. A page without events still has one row, which contains the outcome of the scan. */
type ScanRow = EventScan & (EventRow | { [Column in keyof EventRow]: null });

const isEvent = (row: ScanRow): row is EventScan & EventRow => row.hostId !== null;

function toPage(rows: readonly ScanRow[], limit: number): Page<ContainerEvent> {
  const events = rows.filter(isEvent);
  const items = events.slice(0, limit);
  const [first] = rows;
  const last = items.at(-1);
  let end: readonly bigint[] | null = first?.stoppedAt ?? null;
  if (last && (first?.isCut === true || events.length > limit)) end = [last.tx, last.id];
  return { items: items.map(toContainerEvent), nextCursor: end ? encodeCursor(end.map(Number)) : null };
}
