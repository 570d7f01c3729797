import type { ContainerPage, ContainerQuery, ContainerView } from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { NotFoundError } from '../../errors.js';
import { encodeCursor, formatSort } from '../../lib/cursor.js';
import { freshnessCutoffs, type ReadFreshnessContext } from '../freshness/index.js';
import type { OperatorIdentity } from '../identity/index.js';
import { containerOrder } from './container-order.sql.js';
import { isCrashLoopSearchComplete } from './container-problems.sql.js';
import { containerSearch, type ContainerSearch } from './container-search.sql.js';
import { CONTAINER_VIEW, toContainerView, type ContainerViewRow } from './container-view.js';
import { countByHosts } from './count-by-hosts.sql.js';
import { countMatches, findPage, unorderedScans, orderedScan, type Counted } from './list-containers.sql.js';

/**
 * The budget: the maximum number of rows that one statement reads. The budget does not apply to a query that filters by
 * host id.
 */
const ROWS_MAX = 15_000;

/**
 * The share of the budget that the first scan can use. This scan reads rows in the order of the list. The share
 * suffices if matches are common.
 */
const FIRST_SCAN_SHARE = 1 / 16;

/**
 * If the first scan finds at least this share of a page, about half of the budget probably suffices for the whole page.
 */
const PAGE_SHARE = 1 / 8;

export type ContainerReader = ReturnType<typeof createContainerReader>;

/** Creates the reader of containers. `rowsMax` replaces the budget. */
export function createContainerReader(
  db: Database,
  freshnessContext: ReadFreshnessContext,
  { rowsMax = ROWS_MAX }: { rowsMax?: number } = {},
) {
  /**
   * Finds a page in up to three steps. If matches are common, a short scan in the order of the list finds enough of
   * them. Otherwise, the index of one filter is used if this index yields all matches or has the order of the list. If
   * the index does not help either, a long scan reads rows until the budget is used up, and the page ends there.
   */
  async function find(search: ContainerSearch) {
    const { hostId, limit, sort } = search.query;
    const scanUpTo = async (max: number, ranges?: Prisma.Sql[]) =>
      (await findPage(db, orderedScan(search, Math.max(max, limit + 1), ranges), search))!;
    if (!hostId) {
      const start = await scanUpTo(Math.ceil(rowsMax * FIRST_SCAN_SHARE));
      if (!start.isIncomplete) return start;
      if (start.rows.length >= limit * PAGE_SHARE) return scanUpTo(rowsMax);
      // Only with a single filter does every row in the ranges match.
      const [filter] = sort.key === 'name' && search.filters.length === 1 ? search.filters : [];
      if (filter?.nameRanges) return scanUpTo(rowsMax, filter.nameRanges);
    }
    for await (const scan of unorderedScans(db, search, rowsMax)) {
      const page = await findPage(db, scan, search);
      if (page !== null) return page;
    }
    return scanUpTo(rowsMax);
  }

  /** Counts the containers on all pages. */
  async function count(search: ContainerSearch): Promise<Counted> {
    const all = { ...search, order: containerOrder({ sort: search.query.sort }) };
    for await (const scan of unorderedScans(db, all, rowsMax)) {
      const counted = await countMatches(db, scan);
      if (counted.totalIsExact) return counted;
    }
    return countMatches(db, orderedScan(all, rowsMax));
  }

  return {
    /**
     * Lists the organization's containers, filtered and in order. A page may have fewer than `limit` items, even none,
     * without being the last page. Only a null `nextCursor` marks the end.
     */
    async list({ organizationId }: OperatorIdentity, query: ContainerQuery): Promise<ContainerPage> {
      // Use one instant to find, count and return the containers, so that no returned container contradicts the filter.
      const context = await freshnessContext();
      const cutoffs = freshnessCutoffs(context);
      const search = containerSearch(organizationId, query, cutoffs, context.now);
      const { rows, next, isIncomplete, total } = await find(search);
      const countFound = async (): Promise<Counted> => {
        const found = next === null ? rows.length : total;
        if (query.cursor === undefined && found !== null) return { total: found, totalIsExact: true };
        return (await countByHosts(db, organizationId, query, cutoffs)) ?? count(search);
      };
      const countAll = async (): Promise<Counted> => {
        const counted = await countFound();
        if (!query.problem?.includes('crash_loop')) return counted;
        const isComplete = await isCrashLoopSearchComplete(db, organizationId, context.now);
        return { ...counted, totalIsExact: counted.totalIsExact && isComplete };
      };
      return {
        items: rows.map((row) => toContainerView(row, context)),
        nextCursor: next && encodeCursor([formatSort(query.sort), ...next]),
        ...(isIncomplete ? { incomplete: true } : {}),
        ...(query.count ? await countAll() : {}),
      };
    },

    /** Returns a container, present or removed. @throws NotFoundError if the organization has no such container. */
    async get({ organizationId }: OperatorIdentity, hostId: string, dockerId: string): Promise<ContainerView> {
      const [[row], context] = await Promise.all([
        db.prisma.$queryRaw<ContainerViewRow[]>(Prisma.sql`
          SELECT ${CONTAINER_VIEW}
          FROM containers AS c JOIN hosts AS h ON h.id = c."hostId"
          WHERE c."hostId" = ${hostId}::uuid AND c."dockerId" = ${dockerId}
            AND h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL`),
        freshnessContext(),
      ]);
      if (row === undefined) throw new NotFoundError('container');
      return toContainerView(row, context);
    },
  };
}
