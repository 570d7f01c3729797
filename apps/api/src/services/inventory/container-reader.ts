import {
  canonicalContainer,
  fieldsWith,
  type Container,
  type ContainerQuery,
  type ContainerView,
  type CountedPage,
} from '@muster/contracts';
import { Prisma, type Database } from '@muster/db';
import { decodeCursor, encodeCursor, formatSort, requireSameSort } from '../../lib/cursor.js';
import {
  containersFreshness,
  freshnessCutoffs,
  clampToNow,
  type FreshnessContext,
  type FreshnessCutoffs,
  type ReadFreshnessContext,
} from '../freshness/index.js';
import { healthKey, stateKey } from '../sync/index.js';
import { NotFoundError } from '../../errors.js';
import { containerFilters, inHalf, ofHosts, type CandidateSource, type Presence } from './container-filters.sql.js';
import { mergePages } from './merge-pages.js';
import { containerOrder, containerWalk, imagesToWalk, placeKinds } from './container-index-scan.sql.js';
import { countOfHosts, countRows, type Counted } from './count-containers.sql.js';
import { hostsThatHave } from './find-candidate-hosts.sql.js';
import {
  CONTAINER_VIEW,
  countGathered,
  gatherContainers,
  PAGE_BYTES_MAX,
  walkContainers,
  type ContainerViewRow,
  type ListedContainers,
  type ListedRow,
} from './list-containers.sql.js';
import type { OperatorIdentity } from '../identity/index.js';

export interface ContainerReader {
  /**
   * The organization's containers, filtered and in order; a page's cursor holds for the order it was given in. A page
   * may hold fewer than `limit`, even none, although there is more: only without a cursor is it the last.
   */
  list(operator: OperatorIdentity, query: ContainerQuery): Promise<CountedPage<ContainerView>>;

  /** One container, present or removed. @throws NotFoundError if the organization has no such container. */
  get(operator: OperatorIdentity, hostId: string, dockerId: string): Promise<ContainerView>;
}

/**
 * What one page may cost: rows read, in milliseconds about a thousandth of them on the machine that this was measured
 * on. Tests make them small, so that small fleets show every way.
 */
export interface ContainerReaderOptions {
  /** Of a walk in the hope that what is asked for is common. */
  hopefulRowsMax?: number;
  /** Of hosts of which all is read. */
  hostRowsMax?: number;
  /** That an index of labels, text or images names. */
  scatteredRowsMax?: number;
  /** The same, where that walk found nothing, and to count. */
  togetherRowsMax?: number;
  /** Of one of the walks that are the last resort, each of which goes on from where the one before ended. */
  patientRowsMax?: number;
  /** Of all those walks together, for a page that has something to show, though less than was asked for. */
  shortPageRowsMax?: number;
  /** Of all those walks together, for a page that would show nothing: people take an empty page for "there is none". */
  emptyPageRowsMax?: number;
  /** For how many there are in all, where hosts do not say it. */
  countedRowsMax?: number;
}

/** Containers that a host is reckoned to have, to read as many hosts as a page may need. */
const GROUP_ROWS = 60;

export function createContainerReader(
  db: Database,
  freshnessContext: ReadFreshnessContext,
  {
    hopefulRowsMax = 1_500,
    hostRowsMax = 10_000,
    scatteredRowsMax = 2_500,
    togetherRowsMax = 60_000,
    patientRowsMax = 8_000,
    shortPageRowsMax = 24_000,
    emptyPageRowsMax = 1_000_000,
    countedRowsMax = 100_000,
  }: ContainerReaderOptions = {},
): ContainerReader {
  const { prisma } = db;

  /**
   * Finds a page and one row more. What is common is found by walking the index of the order, what is rare by an index
   * of what is asked for; which of the two it is, a short walk tells better than any estimate. What is neither, or lies
   * together far along the order, is walked on to: a page may end not full, with the place to go on from, but not empty
   * before a great many rows were read.
   */
  async function find(
    organizationId: string,
    query: ContainerQuery,
    cutoffs: FreshnessCutoffs,
  ): Promise<ListedContainers> {
    const limit = query.limit + 1;
    const { presences, conditions, sources } = containerFilters(organizationId, query, cutoffs);
    const place = cursorPlace(query);
    if (presences.length === 0) return { rows: [], stoppedAt: null, isFull: false };
    const { descending } = query.sort;
    const scope = ofHalves(organizationId, presences);

    const gather = (source: CandidateSource, rowsMax: number) =>
      gatherContainers(db, source, containerOrder(query.sort, place), [scope, ...conditions], { limit, rowsMax });
    const walk = async (from: readonly string[] | null, asked: { rowsMax: number; limit: number }) => {
      const order = containerOrder(query.sort, from);
      const walks = presences.flatMap((half) =>
        imagesToWalk(query).map((image) => containerWalk(organizationId, half, query.sort, from, image)),
      );
      const listed = walks.map((one) => walkContainers(db, one, order, conditions, asked));
      return mergePages(await Promise.all(listed), { limit: asked.limit, descending });
    };

    if (query.hostId) {
      const gathered = await gather(ofHosts(query.hostId, presences), hostRowsMax);
      if (gathered) return gathered;
    }
    const grouped = query.sort.key === 'state' || query.sort.key === 'changedAt';
    let hopefulRows = conditions.length === 0 ? limit : Math.max(hopefulRowsMax, limit);
    // Of a group, one row may be all there is, and a whole host is read for it.
    if (grouped) hopefulRows = Math.max(hopefulRows, limit * GROUP_ROWS);
    const hopeful = await walk(place, { rowsMax: hopefulRows, limit });
    if (hopeful.stoppedAt === null || hopeful.isFull) return hopeful;

    const asked = {
      // Of what was removed, hosts count nothing.
      words: presences.includes('removed') ? undefined : (query.health?.map(healthKey) ?? query.state?.map(stateKey)),
      hostFreshness: query.hostFreshness,
    };
    if (asked.words ?? asked.hostFreshness) {
      const hostIds = await hostsThatHave(db, organizationId, asked, cutoffs, hostRowsMax);
      const gathered = hostIds && (await gather(ofHosts(hostIds, presences), hostRowsMax));
      if (gathered) return gathered;
    }
    const { rows } = hopeful;
    // What has none here is rare, or lies together, who knows how far along the order: then more is worth reading.
    const gatheredRowsMax = rows.length === 0 ? togetherRowsMax : scatteredRowsMax;
    for (const source of sources) {
      const gathered = await gather(source, gatheredRowsMax);
      if (gathered) return gathered;
    }
    let stoppedAt: ListedContainers['stoppedAt'] = hopeful.stoppedAt;
    for (let walked = 0; stoppedAt !== null && rows.length < limit; walked += patientRowsMax) {
      if (walked >= (rows.length === 0 ? emptyPageRowsMax : shortPageRowsMax)) break;
      const more = await walk(stoppedAt, { rowsMax: patientRowsMax, limit: limit - rows.length });
      rows.push(...more.rows);
      stoppedAt = more.stoppedAt;
      if (more.isFull) break;
    }
    return { rows, stoppedAt, isFull: false };
  }

  /** How many there are on all pages; `known` where one page has shown it. */
  async function count(
    organizationId: string,
    query: ContainerQuery,
    cutoffs: FreshnessCutoffs,
    known: number | null,
  ): Promise<Counted> {
    if (known !== null) return { total: known, totalIsExact: true };
    const { presences, conditions, sources } = containerFilters(organizationId, query, cutoffs);
    if (presences.length === 0) return { total: 0, totalIsExact: true };
    const told = await countOfHosts(db, organizationId, query, cutoffs);
    if (told !== null) return { total: told, totalIsExact: true };
    const scope = ofHalves(organizationId, presences);
    for (const source of sources) {
      const total = await countGathered(db, source, [scope, ...conditions], togetherRowsMax);
      if (total !== null) return { total, totalIsExact: true };
    }
    return countRows(db, organizationId, { presences, conditions }, countedRowsMax);
  }

  return {
    async list({ organizationId }, query) {
      // One instant for what is found, counted and told: no container is found for what it is then told not to be.
      const context = await freshnessContext();
      const cutoffs = freshnessCutoffs(context);
      const listed = await find(organizationId, query, cutoffs);
      const items = listed.rows.slice(0, Math.min(query.limit, countThatFit(listed.rows)));
      const place = listed.rows.length > items.length ? items.at(-1)?.place : listed.stoppedAt;
      const isAll = query.cursor === undefined && !place;
      return {
        items: items.map((row) => toView(row, context)),
        nextCursor: place ? encodeCursor([formatSort(query.sort), ...place]) : null,
        ...(query.count ? await count(organizationId, query, cutoffs, isAll ? items.length : null) : {}),
      };
    },

    async get({ organizationId }, hostId, dockerId) {
      const [[row], context] = await Promise.all([
        prisma.$queryRaw<ContainerViewRow[]>(Prisma.sql`
          SELECT ${CONTAINER_VIEW}
          FROM containers AS c JOIN hosts AS h ON h.id = c."hostId"
          WHERE c."hostId" = ${hostId}::uuid AND c."dockerId" = ${dockerId}
            AND h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL`),
        freshnessContext(),
      ]);
      if (row === undefined) throw new NotFoundError('container');
      return toView(row, context);
    },
  };
}

/** How many rows, at least one, are together no larger than a page may be. */
function countThatFit(rows: readonly ListedRow[]): number {
  let bytes = 0;
  const first = rows.findIndex(({ octets }, index) => (bytes += octets) > PAGE_BYTES_MAX && index > 0);
  return first === -1 ? rows.length : first;
}

const ofHalves = (organizationId: string, presences: readonly Presence[]) =>
  Prisma.sql`c."organizationId" = ${organizationId} AND (${Prisma.join(presences.map(inHalf), ' OR ')})`;

/** The place that a cursor names in the order of this query. */
function cursorPlace({ cursor, sort }: ContainerQuery): string[] | null {
  if (cursor === undefined) return null;
  const [order = '', ...place] = decodeCursor(cursor, ['string', ...placeKinds(sort.key)]).map(String);
  requireSameSort(order, sort);
  return place;
}

const INSTANT_FIELDS = fieldsWith('kind', 'instant');

function toContainer(row: ContainerViewRow): Container {
  const container: Record<string, unknown> = { ...row };
  for (const name of INSTANT_FIELDS) container[name] = row[name]?.toISOString() ?? null;
  return container as unknown as Container;
}

function toView(row: ContainerViewRow, context: FreshnessContext): ContainerView {
  const asOf = row.confirmedAt && clampToNow(row.confirmedAt, context.now);
  return {
    // jsonb keeps keys in an order of its own.
    ...canonicalContainer(toContainer(row)),
    hostId: row.hostId,
    hostName: row.hostName,
    hostFreshness: containersFreshness(row, context),
    asOf: asOf?.toISOString() ?? null,
    health: row.health,
    exitCode: row.exitCode,
    uptimeSeconds: uptimeSeconds({ ...row, confirmedAt: asOf }),
    firstSeenAt: row.firstSeenAt.toISOString(),
    changedAt: row.changedAt.toISOString(),
    removedAt: row.removedAt?.toISOString() ?? null,
  };
}

const UP: ReadonlySet<string> = new Set(['running', 'paused']);

/** How long a container had been up when its host last confirmed it, both by the host's clock. */
function uptimeSeconds({
  state,
  removedAt,
  startedAt,
  confirmedAt,
  clockSkewSeconds,
}: ContainerViewRow): number | null {
  if (!UP.has(state) || removedAt !== null || startedAt === null || confirmedAt === null) return null;
  const seconds = (confirmedAt.getTime() - startedAt.getTime()) / 1_000 + (clockSkewSeconds ?? 0);
  return Math.max(0, Math.floor(seconds));
}
