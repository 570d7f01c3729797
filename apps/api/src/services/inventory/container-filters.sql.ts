import { DOCKER_STATES, type ContainerFreshness, type ContainerQuery } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { type FreshnessCutoffs, freshnessSql } from '../freshness/index.js';
import { OTHER_STATE } from '../sync/index.js';

/** The two halves of the table: every index that a list walks is of one of them. */
export type Presence = 'present' | 'removed';

/** What a query asks of a row, apart from its place in the order. `c` is the row in all of this SQL. */
export interface ContainerFilters {
  /** The halves in which anything can be found; where there is none, the rest is empty too. */
  presences: Presence[];
  /** One condition for each filter, exact. */
  conditions: Prisma.Sql[];
  /** Ways to find by an index a superset of the rows that hold. */
  sources: CandidateSource[];
}

/** A way to find rows by an index. */
export interface CandidateSource {
  /**
   * Selects where rows lie (`at`), at most `rowsMax` and one more: whoever gets that many knows that it was too many. A
   * row may be named more than once. Of `indexed`, it is given those that are to be used.
   */
  places: (rowsMax: number, indexed: readonly Prisma.Sql[]) => Prisma.Sql;
  /**
   * Conditions whose indexes name all their rows before the first is read, and are therefore to be estimated first.
   * Where there are any, the source is of no use without one of them.
   */
  indexed: readonly Prisma.Sql[];
}

/** A search term in which pg_trgm finds a trigram in every locale; without one it would read its whole index. */
const HAS_TRIGRAM = /[A-Za-z0-9]{3}/;
const ID_PREFIX = /^[A-Za-z0-9_.-]{1,128}$/;

/** Characters of an engine's id that the index has. */
const ID_INDEXED = 12;

const conditionOf = {
  present: Prisma.sql`c."removedAt" IS NULL`,
  removed: Prisma.sql`c."removedAt" IS NOT NULL`,
} as const;

/** The condition that a row is in this half: as the indexes have it. */
export const inHalf = (presence: Presence): Prisma.Sql => conditionOf[presence];

export const IMAGE = Prisma.sql`(left(c.image, 200) COLLATE "C")`;

export function containerFilters(
  organizationId: string,
  query: ContainerQuery,
  cutoffs: FreshnessCutoffs,
): ContainerFilters {
  const { hostId, hostFreshness, state, health, image, label = [], q } = query;
  // A removed container is `exited` and has no health, whatever it was before.
  const removedCan = health === undefined && (state === undefined || state.includes('exited'));
  const presences = (['present', 'removed'] as const).filter(
    (presence) => (query.presence === 'all' || query.presence === presence) && (presence === 'present' || removedCan),
  );

  if (presences.length === 0) return { presences, conditions: [], sources: [] };

  const conditions: Prisma.Sql[] = [];
  const sources: CandidateSource[] = [];
  if (hostId) {
    conditions.push(Prisma.sql`c."hostId" = ANY (${hostId}::uuid[])`);
  }
  if (hostFreshness) {
    // Refers to no row: hosts are judged once for a statement, and looked up in a hash of those that hold.
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
  if (q !== undefined) conditions.push(isFoundBy(q));
  const indexed = labels.map((condition) => condition.indexed);
  if (q !== undefined && HAS_TRIGRAM.test(q)) indexed.push(searchTextContains(q));
  if (indexed.length > 0) sources.push(ofLabelsAndText(organizationId, indexed, q));
  return { presences, conditions, sources };
}

/** Whether a row is in one of these states, of which `other` is every state that is not one of Docker's. */
export const isInState = (states: readonly string[]): Prisma.Sql =>
  states.includes(OTHER_STATE)
    ? Prisma.sql`(c.state = ANY (${states}::text[]) OR ${STATE_KEY} = ${OTHER_STATE})`
    : Prisma.sql`c.state = ANY (${states}::text[])`;

/** The word under which a row's state is counted. */
export const STATE_KEY = Prisma.sql`(CASE WHEN c.state IN (${Prisma.join([...DOCKER_STATES])}) THEN c.state ELSE ${OTHER_STATE} END)`;

/** Whether the containers of a row `h` of hosts are this current. */
export const containersAreOf = (hostFreshness: ContainerFreshness[], cutoffs: FreshnessCutoffs): Prisma.Sql =>
  Prisma.sql`${freshnessSql(cutoffs).containers} = ANY (${hostFreshness}::text[])`;

/** What hosts have: all of it, for a host's rows lie together. */
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

/** As much of an image as its index has: characters as PostgreSQL counts them. */
export const imageBeginning = (image: string): string => Array.from(image).slice(0, 200).join('');

/** As the indexes of labels have it. */
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

/** Whether a text has this in it, in whatever case. */
export const contains = (text: Prisma.Sql, q: string): Prisma.Sql => Prisma.sql`${text} ILIKE ${`%${pattern(q)}%`}`;

/**
 * The same, for rows that are looked at one by one. ASCII is compared byte by byte then: in the locale of most servers,
 * PostgreSQL would convert each whole text first.
 */
const quicklyContains = (text: Prisma.Sql, q: string): Prisma.Sql =>
  contains(isAscii(q) ? Prisma.sql`${text} COLLATE "C"` : text, q);

// eslint-disable-next-line no-control-regex -- control characters are ASCII too
const isAscii = (text: string): boolean => /^[\x00-\x7f]*$/.test(text);

/** Whether a text begins so. */
export const beginsWith = (text: Prisma.Sql, q: string): Prisma.Sql => Prisma.sql`${text} LIKE ${`${pattern(q)}%`}`;

const SEARCHED = [Prisma.sql`c.name`, Prisma.sql`c.image`, Prisma.sql`c.command`];

/** What search means: a part of the name, image or command, or the beginning of the engine's id. */
const isFoundBy = (q: string) => Prisma.sql`(
  ${Prisma.join(
    SEARCHED.map((text) => quicklyContains(text, q)),
    ' OR ',
  )}
  OR ${beginsWith(Prisma.sql`c."dockerId"`, q)})`;

const searchTextContains = (q: string) =>
  contains(Prisma.sql`left(container_search_text(c.name, c.image, c.command), 1000)`, q);

/** By the indexes of labels and text, with the rows that are too long for them and those whose id begins so. */
function ofLabelsAndText(organizationId: string, indexed: Prisma.Sql[], q: string | undefined): CandidateSource {
  const ofOrganization = Prisma.sql`c."organizationId" = ${organizationId}`;
  const beyondIndexes = Prisma.sql`${ofOrganization} AND (container_label_count(c.labels) > 64
    OR length(container_search_text(c.name, c.image, c.command)) > 1000)`;
  const byId = q !== undefined && ID_PREFIX.test(q) ? [Prisma.sql`${ofOrganization} AND ${idBegins(q)}`] : [];
  return {
    // Without the organization, which would tempt the planner to read all of it instead.
    places: (rowsMax, used) => union([Prisma.join([...used], ' AND '), beyondIndexes, ...byId], rowsMax),
    indexed,
  };
}

function idBegins(q: string): Prisma.Sql {
  const indexed = Prisma.sql`(left(c."dockerId", 12) COLLATE "C")`;
  const beginning = q.slice(0, ID_INDEXED);
  // `~` comes after every character that an id may have.
  return beginning.length === ID_INDEXED
    ? Prisma.sql`${indexed} = ${beginning}`
    : Prisma.sql`${indexed} >= ${beginning} AND ${indexed} < ${`${beginning}~`}`;
}
