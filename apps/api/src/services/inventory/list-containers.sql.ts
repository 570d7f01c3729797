import {
  CONTAINER_FIELD_NAMES,
  CONTAINER_FIELDS,
  fieldsWith,
  type Container,
  type FieldsWith,
  type Health,
} from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import type { HostActivity } from '../freshness/index.js';
import type { ScanPage } from './merge-pages.js';
import type { CandidateSource } from './container-filters.sql.js';
import type { ContainerOrder, ContainerWalk } from './container-index-scan.sql.js';

/** The fields of a container as their columns are read. */
type ContainerColumns = Required<Omit<Container, InstantField>> & Record<InstantField, Date | null>;
type InstantField = FieldsWith<'kind', 'instant'>;

export interface ContainerViewRow extends HostActivity, ContainerColumns {
  hostId: string;
  hostName: string;
  clockSkewSeconds: number | null;
  health: Health | null;
  exitCode: number | null;
  firstSeenAt: Date;
  changedAt: Date;
  removedAt: Date | null;
}

/** A row with its place in the order of the list. */
export interface ListedRow extends ContainerViewRow {
  place: string[];
  /** Bytes of its texts, and of its ports and labels as JSON. */
  octets: number;
}

export type ListedContainers = ScanPage<ListedRow>;

/** Bytes that the rows of one statement may have together, but for the first of them. */
export const PAGE_BYTES_MAX = 1024 * 1024;

const octetLength = (name: FieldsWith<'large', true>): string =>
  `octet_length(c."${name}"${CONTAINER_FIELDS[name].sqlType === 'text' ? '' : '::text'})`;

const OCTETS = Prisma.raw(`(${fieldsWith('large', true).map(octetLength).join(' + ')} + 1000)`);

/** The rows of `page` as `sized`, each with the bytes (`octets`) that it has, and all up to it (`bytes`). */
const sizedPage = ({ by }: ContainerOrder) => Prisma.sql`sized AS (
      SELECT c.*, row_number() OVER (ORDER BY ${by}) AS number,
        sum(c.octets) OVER (ORDER BY ${by} ROWS UNBOUNDED PRECEDING) AS bytes
      FROM (SELECT c.*, ${OCTETS} AS octets FROM page AS c) AS c
    )`;

const FITS = Prisma.sql`(c.number = 1 OR c.bytes <= ${PAGE_BYTES_MAX}::int)`;

/** A page without a row still has one, of nulls, for what it tells beside them. */
type Found<Beside> = Beside & (ListedRow | { [Column in keyof ListedRow]: null });

const isListed = <Beside>(row: Found<Beside>): row is Beside & ListedRow => row.hostId !== null;

/** The columns of a container view; `c` is its row, `h` its host's. */
export const CONTAINER_VIEW = Prisma.sql`
  c."hostId"::text AS "hostId", h.name AS "hostName", h."lastSeenAt", h."confirmedAt", h."engineError", h."leftAt",
  h."heartbeatSeconds", h."clockSkewSeconds",
  ${Prisma.raw(CONTAINER_FIELD_NAMES.map((name) => `c."${name}"`).join(', '))},
  c.health, c."exitCode", c."firstSeenAt", c."changedAt", c."removedAt"`;

/** A subquery in the list of conditions, and not a join: it is asked last, and the order of the walk stays. */
const HOST_IS_THERE = Prisma.sql`(SELECT h."deletedAt" IS NULL FROM hosts AS h WHERE h.id = c."hostId")`;

/**
 * Walks an index in the order of the list, at most `rowsMax` rows of it, and takes those that hold until there are
 * `limit` of them. A common table expression is read no further than somebody asks, so a page that is found soon costs
 * little; and as it is MATERIALIZED, the planner cannot come to think that sorting everything were better.
 */
export async function walkContainers(
  { prisma }: Database,
  walk: ContainerWalk,
  order: ContainerOrder,
  conditions: readonly Prisma.Sql[],
  { rowsMax, limit }: { rowsMax: number; limit: number },
): Promise<ListedContainers> {
  const holds = conditions.length === 0 ? Prisma.sql`TRUE` : Prisma.join([...conditions], ' AND ');
  const rows = await prisma.$queryRaw<Found<{ stoppedAt: string[] | null; found: number }>[]>(Prisma.sql`
    WITH ${walk.tables(rowsMax, holds)}, page AS MATERIALIZED (
      SELECT * FROM containers AS c WHERE c.ctid = ANY (ARRAY(
        SELECT at FROM walked AS c WHERE c.holds AND ${HOST_IS_THERE} LIMIT ${limit}::int))
    ), ${sizedPage(order)}
    SELECT ${CONTAINER_VIEW}, ${order.place} AS place, c.octets, ended.*
    FROM (
      SELECT CASE WHEN (SELECT count(*) FROM page) < ${limit}::int THEN (
        ${walk.stoppedAt(rowsMax)}
      ) END AS "stoppedAt", (SELECT count(*) FROM page)::int AS found
    ) AS ended
    LEFT JOIN (sized AS c JOIN hosts AS h ON h.id = c."hostId") ON ${FITS}
    ORDER BY ${order.by}`);
  return toListed(rows.filter(isListed), rows[0]?.found ?? 0, rows[0]?.stoppedAt ?? null);
}

/** Where not all that was found fits, the list goes on after the last row that does. */
function toListed(rows: ListedRow[], found: number, stoppedAt: string[] | null): ListedContainers {
  const isFull = found > rows.length;
  return { rows, stoppedAt: isFull ? rows.at(-1)!.place : stoppedAt, isFull };
}

/** An index that names more rows than this many times what may be read is not asked: naming them takes the time. */
const NAMED_FACTOR = 20;

/** An estimate of a text search is easily wrong by this. */
const ESTIMATE_FACTOR = 6;

/**
 * Those of a source's conditions whose indexes are worth asking; null where even together they seem to have too many
 * rows. The planner's estimate is believed in nothing else: a wrong one costs time or ends a page early, and never
 * changes what is found.
 */
async function worthAsking(
  { prisma }: Database,
  { indexed }: CandidateSource,
  rowsMax: number,
): Promise<readonly Prisma.Sql[] | null> {
  if (indexed.length === 0) return indexed;
  const estimate = async (conditions: readonly Prisma.Sql[]) => {
    const [explained] = await prisma.$queryRaw<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }[]>(
      Prisma.sql`EXPLAIN (FORMAT JSON) SELECT FROM containers AS c WHERE ${Prisma.join([...conditions], ' AND ')}`,
    );
    return explained?.['QUERY PLAN'][0].Plan['Plan Rows'] ?? 0;
  };
  const used: Prisma.Sql[] = [];
  for (const condition of indexed) {
    if ((await estimate([condition])) <= NAMED_FACTOR * rowsMax) used.push(condition);
  }
  return used.length > 0 && (await estimate(used)) <= ESTIMATE_FACTOR * rowsMax ? used : null;
}

/** What a source names, how much that is, and the condition that a row is of it: none is where there is too much. */
const namedBy = (source: CandidateSource, used: readonly Prisma.Sql[], rowsMax: number) => ({
  tables: Prisma.sql`candidates AS MATERIALIZED (
    ${source.places(rowsMax, used)}
  ), counted AS MATERIALIZED (
    SELECT count(*) AS candidates FROM candidates
  )`,
  isNamed: Prisma.sql`
    c.ctid = ANY (ARRAY(SELECT at FROM candidates WHERE (SELECT candidates FROM counted) <= ${rowsMax}::int))`,
});

/**
 * Asks something of what an index names. The planner is kept from reading the whole table, which it would take for
 * cheap where it believes that a few rows are found anywhere in it; they may all lie at its end.
 */
async function byIndex<Row>({ prisma }: Database, statement: Prisma.Sql): Promise<Row[]> {
  const [, rows] = await prisma.$transaction([
    prisma.$executeRaw`SET LOCAL enable_seqscan = off`,
    prisma.$queryRaw<Row[]>(statement),
  ]);
  return rows;
}

/**
 * The first `limit` of a source's rows that hold (and `conditions` must say of which organization), sorted. Null: the
 * source has more than `rowsMax` rows. What it names is read a second time rather than kept, for wide rows by the
 * thousand would be written to disk.
 */
export async function gatherContainers(
  db: Database,
  source: CandidateSource,
  order: ContainerOrder,
  conditions: readonly Prisma.Sql[],
  { limit, rowsMax }: { limit: number; rowsMax: number },
): Promise<ListedContainers | null> {
  const used = await worthAsking(db, source, rowsMax);
  if (used === null) return null;
  const { tables, isNamed } = namedBy(source, used, rowsMax);
  const found = await byIndex<Found<{ candidates: bigint; found: number }>>(
    db,
    Prisma.sql`
    WITH ${tables}, page AS MATERIALIZED (
      SELECT * FROM containers AS c
      WHERE ${isNamed} AND ${Prisma.join([...conditions, order.beyond, HOST_IS_THERE], ' AND ')}
      ORDER BY ${order.by}
      LIMIT ${limit}::int
    ), ${sizedPage(order)}
    SELECT ${CONTAINER_VIEW}, ${order.place} AS place, c.octets, counted.candidates,
      (SELECT count(*) FROM page)::int AS found
    FROM counted LEFT JOIN (sized AS c JOIN hosts AS h ON h.id = c."hostId") ON ${FITS}
    ORDER BY ${order.by}`,
  );
  if ((found[0]?.candidates ?? 0n) > rowsMax) return null;
  return toListed(found.filter(isListed), found[0]?.found ?? 0, null);
}

/** How many of a source's rows hold. Null: the source has more than `rowsMax` rows. */
export async function countGathered(
  db: Database,
  source: CandidateSource,
  conditions: readonly Prisma.Sql[],
  rowsMax: number,
): Promise<number | null> {
  const used = await worthAsking(db, source, rowsMax);
  if (used === null) return null;
  const { tables, isNamed } = namedBy(source, used, rowsMax);
  const [counted] = await byIndex<{ candidates: bigint; total: number }>(
    db,
    Prisma.sql`
    WITH ${tables}
    SELECT candidates, (
      SELECT count(*) FROM containers AS c WHERE ${isNamed} AND ${Prisma.join([...conditions, HOST_IS_THERE], ' AND ')}
    )::int AS total
    FROM counted`,
  );
  return counted === undefined || counted.candidates > rowsMax ? null : counted.total;
}
