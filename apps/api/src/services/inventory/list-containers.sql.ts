import { CONTAINER_FIELDS, fieldsWith, type FieldsWith } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { and } from './container-columns.sql.js';
import type { ContainerOrder } from './container-order.sql.js';
import type { ContainerSearch } from './container-search.sql.js';
import { CONTAINER_VIEW, type ContainerViewRow } from './container-view.js';

/**
 * A query that reads at most `rowsMax` rows. An ordered scan reads rows in the order of the list. An unordered scan
 * reads all rows that can match, in any order. The rows have few columns, because thousands are read for one page.
 */
export interface ContainerScan {
  kind: 'ordered' | 'unordered';
  sql: Prisma.Sql;
  rowsMax: number;
}

/** Selects the columns by which rows are sorted, and whether a row meets the conditions. */
const select = ({ keys }: ContainerOrder, conditions: Prisma.Sql[]) => Prisma.sql`
  SELECT c.ctid AS at, c."hostId", ${keys}, (${and(conditions)}) AS matches FROM containers AS c`;

/**
 * Returns an ordered scan, which uses an index with the order of the list. The scan starts at the cursor's position and
 * ends when the page has enough rows. If there are ranges, the scan reads only rows that are in one of the ranges.
 */
export function orderedScan(search: ContainerSearch, rowsMax: number, ranges = [and([])]): ContainerScan {
  const { halves, filters, order, ofOrganization } = search;
  const conditions = filters.map(({ matches }) => matches);
  const inOrder = Prisma.sql`ORDER BY ${order.by} LIMIT ${rowsMax}::int`;
  const parts = halves.flatMap((half) => ranges.map((range) => and([ofOrganization, half, range, order.isAfter])));
  const scans = parts.map((part) => Prisma.sql`(${select(order, conditions)} WHERE ${part} ${inOrder})`);
  const sql = Prisma.sql`SELECT * FROM (${Prisma.join(scans, ' UNION ALL ')}) AS c ${inOrder}`;
  return { kind: 'ordered', sql, rowsMax };
}

/**
 * Yields unordered scans. Each scan alone finds all matches. If the query filters by host id, or the hosts of the
 * matches have few containers, the only scan reads the rows of these hosts, which are stored close together. Otherwise,
 * there is one scan for each filter that has indexes.
 */
export async function* unorderedScans(
  db: Database,
  search: ContainerSearch,
  budget: number,
): AsyncGenerator<ContainerScan> {
  const { query, filters, inHalves, order } = search;
  const hostIds = query.hostId ?? (await findHosts(db, search, budget));
  const ofHosts = { matches: and([]), indexed: [Prisma.sql`c."hostId" = ANY (${hostIds}::uuid[])`] };
  const rowsMax = hostIds ? 2 ** 31 - 1 : budget;
  for (const filter of hostIds ? [ofHosts] : filters.filter(({ indexed }) => indexed)) {
    const checked = filters.filter((other) => other !== filter || other.isExact !== true);
    const rows = select(order, [inHalves(and([...checked.map(({ matches }) => matches), order.isAfter]))]);
    const found = filter.indexed!.map((condition) => Prisma.sql`${rows} WHERE ${condition}`);
    yield { kind: 'unordered', sql: Prisma.sql`${Prisma.join(found, ' UNION ALL ')} LIMIT ${rowsMax}::int`, rowsMax };
  }
}

/** Finds the hosts of all matches. Returns undefined if these hosts have more than `rowsMax` present containers. */
async function findHosts({ prisma }: Database, { hosts }: ContainerSearch, rowsMax: number) {
  if (hosts === null) return undefined;
  // Fewer hosts than `hostsMax` usually already have more than `rowsMax` containers in total. The limit therefore ends
  // the search early if the filter matches many hosts (for example, all that are online).
  const hostsMax = Math.ceil(rowsMax / 10) + 1;
  const [found] = await prisma.$queryRaw<{ ids: string[] }[]>(Prisma.sql`
    SELECT COALESCE(array_agg(id::text), '{}') AS ids FROM (${hosts} LIMIT ${hostsMax}::int) AS h
    HAVING count(*) < ${hostsMax}::int AND COALESCE(sum("containerCount"), 0) <= ${rowsMax}::int`);
  return found?.ids;
}

/**
 * Defines two tables. `read` contains the rows that are read. `matching` contains the rows of `read` that match and
 * whose hosts are not deleted.
 */
const tables = (scan: ContainerScan) => Prisma.sql`deleted_hosts AS MATERIALIZED (
      SELECT id FROM hosts WHERE "deletedAt" IS NOT NULL AND "purgedAt" IS NULL
    ), read AS MATERIALIZED (${scan.sql}), matching AS NOT MATERIALIZED (
      SELECT * FROM read AS c WHERE c.matches AND c."hostId" NOT IN (SELECT id FROM deleted_hosts)
    )`;

/** Selects the last row of the scan if the scan reached its maximum, and no row otherwise. */
const lastRead = ({ rowsMax }: ContainerScan) => Prisma.sql`FROM read AS c OFFSET ${rowsMax - 1}::int LIMIT 1`;

/** Maximum bytes of the rows of a page. The first row is returned regardless of its size. */
const PAGE_BYTES_MAX = 1024 * 1024;

const octetLength = (name: FieldsWith<'large', true>): string =>
  `octet_length(c."${name}"${CONTAINER_FIELDS[name].sqlType === 'text' ? '' : '::text'})`;
/** Texts that are usually short or missing. */
const SHORT_COLUMNS_BYTES = ['exit::text', '"imageId"', '"imageDigest"', 'project', 'service', 'instance']
  .map((column) => `COALESCE(octet_length(c.${column}), 0)`)
  .join(' + ');
const OCTETS = Prisma.raw(
  `(${fieldsWith('large', true).map(octetLength).join(' + ')} + ${SHORT_COLUMNS_BYTES} + 1000)`,
);

/**
 * Finds a page. `next` is the position after which the list continues; null at the end. `isIncomplete` is true if the
 * page ended early because the maximum number of rows was read. `total` is the number of matches after the cursor; null
 * unless a count is requested and an unordered scan found all matches. Returns null if an unordered scan reached its
 * maximum, because the rows that it did not read may belong on the page.
 */
export async function findPage(
  db: Database,
  scan: ContainerScan,
  { query: { limit, count }, order: { by, position } }: ContainerSearch,
) {
  // The rows of an ordered scan are already in order. Sorting them again would read all rows.
  const page =
    scan.kind === 'ordered'
      ? Prisma.sql`SELECT * FROM matching LIMIT ${limit + 1}::int`
      : Prisma.sql`SELECT * FROM matching AS c WHERE NOT EXISTS (SELECT ${lastRead(scan)})
          ORDER BY ${by} LIMIT ${limit + 1}::int`;
  const isCounted = count && scan.kind === 'unordered';
  const matches = isCounted ? Prisma.sql`(SELECT count(*)::int FROM matching)` : Prisma.sql`NULL::int`;
  type FoundRow = { position: string[] } & ContainerViewRow;
  type Row = { found: number; stoppedAt: string[] | null; matches: number | null } & (FoundRow | { hostId: null });
  const rows = await run<Row>(
    db,
    scan,
    Prisma.sql`
    WITH ${tables(scan)}, page AS MATERIALIZED (
      SELECT c.at, ${position} AS position, row_number() OVER () AS number FROM (${page}) AS c
    ), sized AS (
      SELECT c.*, page.position, page.number, sum(c.octets) OVER (ORDER BY page.number) AS bytes
      FROM page CROSS JOIN LATERAL (
        SELECT *, ${OCTETS} AS octets FROM containers AS c WHERE c.ctid = page.at OFFSET 0) AS c
    )
    SELECT ended.*, c.position, ${CONTAINER_VIEW}
    FROM (
      SELECT found, ${matches} AS matches,
        CASE WHEN found <= ${limit}::int THEN (SELECT ${position} ${lastRead(scan)}) END AS "stoppedAt"
      FROM (SELECT count(*)::int AS found FROM page) AS page
    ) AS ended
    LEFT JOIN (sized AS c JOIN hosts AS h ON h.id = c."hostId") ON c.number = 1 OR c.bytes <= ${PAGE_BYTES_MAX}::int
    ORDER BY c.number`,
  );
  const { found, stoppedAt, matches: total } = rows[0]!;
  if (scan.kind === 'unordered' && stoppedAt !== null) return null;
  const fitting = rows.filter((row) => row.hostId !== null).slice(0, limit);
  // More rows may match than were requested, or than fit on the page.
  const next = found > fitting.length ? fitting.at(-1)!.position : stoppedAt;
  return { rows: fitting, next, isIncomplete: found === fitting.length && stoppedAt !== null, total };
}

/** The number of matches. If `totalIsExact` is false, not all rows were read and `total` is a lower bound. */
export type Counted = { total: number; totalIsExact: boolean };

/** Counts the matches among the rows that are read. */
export async function countMatches(db: Database, scan: ContainerScan): Promise<Counted> {
  const statement = Prisma.sql`WITH ${tables(scan)}
    SELECT (SELECT count(*) FROM matching)::int AS total, NOT EXISTS (SELECT ${lastRead(scan)}) AS "totalIsExact"`;
  return (await run<Counted>(db, scan, statement))[0]!;
}

/**
 * Runs a statement. For an unordered scan, the planner must not read the whole table. The planner would read the whole
 * table if it expected to find matches early, but all matches may be at the end of the table.
 */
async function run<Row>({ prisma }: Database, { kind }: ContainerScan, statement: Prisma.Sql): Promise<Row[]> {
  if (kind === 'ordered') return prisma.$queryRaw<Row[]>(statement);
  const [, rows] = await prisma.$transaction([
    prisma.$executeRaw`SET LOCAL enable_seqscan = off`,
    prisma.$queryRaw<Row[]>(statement),
  ]);
  return rows;
}
