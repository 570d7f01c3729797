import { DOCKER_STATES, type ContainerFreshness, type ContainerQuery } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { type FreshnessCutoffs, freshnessSql } from '../freshness/index.js';
import { OTHER_STATE } from '../sync/index.js';

/** The two halves of the table. Every index that a list scans covers one of them. */
export type Presence = 'present' | 'removed';

/** The filters of a query as SQL conditions on a row `c` of containers. */
export interface ContainerFilters {
  /** The halves that can contain matching rows. If there are none, the other fields are empty as well. */
  presences: Presence[];
  /** One exact condition for each filter. */
  conditions: Prisma.Sql[];
  /** Index scans, each of which finds a superset of the matching rows. */
  sources: CandidateSource[];
}

/** An index scan that finds candidate rows. */
export interface CandidateSource {
  /**
   * Returns a query that selects the physical locations of rows (`at`), at most `rowsMax + 1`, so that the caller
   * detects an excess. A row may occur more than once. `indexed` contains the conditions to use, a subset of the field
   * `indexed`.
   */
  places: (rowsMax: number, indexed: readonly Prisma.Sql[]) => Prisma.Sql;
  /**
   * Conditions whose indexes return all their rows before the first row can be read, so their number of rows must be
   * estimated first. If there are any, the source cannot be used without at least one of them.
   */
  indexed: readonly Prisma.Sql[];
}

/**
 * Matches a search term in which pg_trgm finds a trigram in every locale. Without one, pg_trgm reads its whole index.
 */
const TRIGRAM_PATTERN = /[A-Za-z0-9]{3}/;
const ID_PREFIX = /^[A-Za-z0-9_.-]{1,128}$/;

/** Number of characters of a container's id that are indexed. */
const ID_INDEXED = 12;

const conditionOf = {
  present: Prisma.sql`c."removedAt" IS NULL`,
  removed: Prisma.sql`c."removedAt" IS NOT NULL`,
} as const;

/** Returns the condition that a row is in this half, as the indexes define it. */
export const inHalf = (presence: Presence): Prisma.Sql => conditionOf[presence];

export const IMAGE = Prisma.sql`(left(c.image, 200) COLLATE "C")`;

export function containerFilters(
  organizationId: string,
  query: ContainerQuery,
  cutoffs: FreshnessCutoffs,
): ContainerFilters {
  const { hostId, hostFreshness, state, health, image, label = [], q } = query;
  // A removed container is `exited` and has no health, regardless of its last state.
  const canBeRemoved = health === undefined && (state === undefined || state.includes('exited'));
  const presences = (['present', 'removed'] as const).filter(
    (presence) => (query.presence === 'all' || query.presence === presence) && (presence === 'present' || canBeRemoved),
  );

  if (presences.length === 0) return { presences, conditions: [], sources: [] };

  const conditions: Prisma.Sql[] = [];
  const sources: CandidateSource[] = [];
  if (hostId) {
    conditions.push(Prisma.sql`c."hostId" = ANY (${hostId}::uuid[])`);
  }
  if (hostFreshness) {
    // The subquery does not depend on the row, so PostgreSQL evaluates it once per statement and hashes its result.
    conditions.push(Prisma.sql`c."hostId" IN (
      SELECT h.id FROM hosts AS h
      WHERE h."organizationId" = ${organizationId} AND ${containersAreOf(hostFreshness, cutoffs)})`);
  }
  if (state) conditions.push(isInState(state));
  if (health) conditions.push(Prisma.sql`c.health = ANY (${health}::text[])`);
  if (image) {
    conditions.push(Prisma.sql`c.image = ANY (${image}::text[])`);
    sources.push(ofImages(organizationId, image, presences));
  }
  const labels = label.map(({ key, value }) => labelCondition(key, value));
  conditions.push(...labels.map(({ exact }) => exact));
  if (q !== undefined) conditions.push(matchesSearch(q));
  const indexed = labels.map((condition) => condition.indexed);
  if (q !== undefined && TRIGRAM_PATTERN.test(q)) indexed.push(searchTextContains(q));
  if (indexed.length > 0) sources.push(ofLabelsAndText(organizationId, indexed, q));
  return { presences, conditions, sources };
}

/**
 * Returns the condition that a row is in one of these states. `other` matches all states that Docker does not define.
 */
export const isInState = (states: readonly string[]): Prisma.Sql =>
  states.includes(OTHER_STATE)
    ? Prisma.sql`(c.state = ANY (${states}::text[]) OR ${STATE_KEY} = ${OTHER_STATE})`
    : Prisma.sql`c.state = ANY (${states}::text[])`;

/** The key under which a row's state is counted. */
export const STATE_KEY = Prisma.sql`(CASE WHEN c.state IN (${Prisma.join([...DOCKER_STATES])}) THEN c.state ELSE ${OTHER_STATE} END)`;

/** Returns the condition that the containers of a row `h` of hosts have one of these freshness values. */
export const containersAreOf = (hostFreshness: ContainerFreshness[], cutoffs: FreshnessCutoffs): Prisma.Sql =>
  Prisma.sql`${freshnessSql(cutoffs).containers} = ANY (${hostFreshness}::text[])`;

/** Returns the source that finds all rows of these hosts. The rows of a host are stored close together. */
export const ofHosts = (hostIds: string[], presences: Presence[]): CandidateSource => ({
  places: (rowsMax) => ofEach(presences, Prisma.sql`c."hostId" = ANY (${hostIds}::uuid[])`, rowsMax),
  indexed: [],
});

function ofImages(organizationId: string, images: string[], presences: Presence[]): CandidateSource {
  const beginnings = images.map(imageBeginning);
  const condition = Prisma.sql`c."organizationId" = ${organizationId} AND ${IMAGE} = ANY (${beginnings}::text[])`;
  return { places: (rowsMax) => ofEach(presences, condition, rowsMax), indexed: [] };
}

const ofEach = (presences: Presence[], condition: Prisma.Sql, rowsMax: number) =>
  union(
    presences.map((presence) => Prisma.sql`${condition} AND ${inHalf(presence)}`),
    rowsMax,
  );

const union = (conditions: Prisma.Sql[], rowsMax: number) =>
  Prisma.join(
    conditions.map(
      (condition) =>
        Prisma.sql`(SELECT c.ctid AS at FROM containers AS c WHERE ${condition} LIMIT ${rowsMax + 1}::int)`,
    ),
    ' UNION ALL ',
  );

/** Returns the indexed prefix of an image: its first 200 characters, counted like PostgreSQL. */
export const imageBeginning = (image: string): string => Array.from(image).slice(0, 200).join('');

/** The condition of the partial indexes on labels. */
const LABELS_ARE_INDEXED = Prisma.sql`container_label_count(c.labels) <= 64`;

function labelCondition(key: string, value: string | null) {
  if (value === null) {
    return {
      exact: Prisma.sql`c.labels ? ${key}`,
      indexed: Prisma.sql`container_label_keys(c.labels) ? ${key} AND ${LABELS_ARE_INDEXED}`,
    };
  }
  const exact = Prisma.sql`c.labels @> jsonb_build_object(${key}::text, ${value}::text)`;
  return { exact, indexed: Prisma.sql`${exact} AND ${LABELS_ARE_INDEXED}` };
}

const pattern = (q: string) => q.replace(/[\\%_]/g, '\\$&');

/** Returns the condition that a text contains `q`, ignoring case. */
export const contains = (text: Prisma.Sql, q: string): Prisma.Sql => Prisma.sql`${text} ILIKE ${`%${pattern(q)}%`}`;

/**
 * Returns the same condition for rows that are checked one by one. ASCII is compared byte by byte, because in the
 * locale of most servers PostgreSQL would convert each whole text first.
 */
const containsByRow = (text: Prisma.Sql, q: string): Prisma.Sql =>
  contains(isAscii(q) ? Prisma.sql`${text} COLLATE "C"` : text, q);

// eslint-disable-next-line no-control-regex -- control characters are ASCII too
const isAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text);

/** Returns the condition that a text begins with `q`. */
export const beginsWith = (text: Prisma.Sql, q: string): Prisma.Sql => Prisma.sql`${text} LIKE ${`${pattern(q)}%`}`;

const SEARCHED = [Prisma.sql`c.name`, Prisma.sql`c.image`, Prisma.sql`c.command`];

/** Returns the condition of a search: `q` is a part of the name, image or command, or the beginning of the id. */
const matchesSearch = (q: string) => Prisma.sql`(
  ${Prisma.join(
    SEARCHED.map((text) => containsByRow(text, q)),
    ' OR ',
  )}
  OR ${beginsWith(Prisma.sql`c."dockerId"`, q)})`;

const searchTextContains = (q: string) =>
  contains(Prisma.sql`left(container_search_text(c.name, c.image, c.command), 1000)`, q);

/**
 * Returns the source that uses the indexes on labels and text. Adds rows that are too long for them, and id matches.
 */
function ofLabelsAndText(organizationId: string, indexed: Prisma.Sql[], q: string | undefined): CandidateSource {
  const ofOrganization = Prisma.sql`c."organizationId" = ${organizationId}`;
  const beyondIndexes = Prisma.sql`${ofOrganization} AND (container_label_count(c.labels) > 64
    OR length(container_search_text(c.name, c.image, c.command)) > 1000)`;
  const byId = q !== undefined && ID_PREFIX.test(q) ? [Prisma.sql`${ofOrganization} AND ${idBeginsWith(q)}`] : [];
  return {
    // Omits the organization, because the planner might otherwise read all of its rows instead.
    places: (rowsMax, used) => union([Prisma.join([...used], ' AND '), beyondIndexes, ...byId], rowsMax),
    indexed,
  };
}

function idBeginsWith(q: string): Prisma.Sql {
  const indexed = Prisma.sql`(left(c."dockerId", 12) COLLATE "C")`;
  const beginning = q.slice(0, ID_INDEXED);
  // `~` sorts after every character that an id may contain.
  return beginning.length === ID_INDEXED
    ? Prisma.sql`${indexed} = ${beginning}`
    : Prisma.sql`${indexed} >= ${beginning} AND ${indexed} < ${`${beginning}~`}`;
}
