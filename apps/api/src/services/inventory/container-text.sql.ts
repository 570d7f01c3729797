import { Prisma } from '@muster/db';
import { and, beginsWith, contains, NAME, or } from './container-columns.sql.js';

/** A condition on a row `c` of containers. */
export interface Filter {
  /** The condition as it is checked row by row. */
  matches: Prisma.Sql;
  /** Conditions that indexes can answer. Each match meets exactly one of them. */
  indexed?: Prisma.Sql[];
  /** True if every row that meets `indexed` is a match, so that `matches` need not be checked. */
  isExact?: boolean;
}

/**
 * Matches a term in which pg_trgm finds a trigram in every locale. Without a trigram, pg_trgm reads its whole index.
 */
const TRIGRAM_PATTERN = /[A-Za-z0-9]{3}/;

const TEXT = Prisma.sql`container_search_text(c.name, c.image, c.command)`;

/** Matches rows whose text or labels are not completely indexed. These rows have a separate index. */
const UNINDEXED = Prisma.sql`(container_label_count(c.labels) > 64 OR length(${TEXT}) > 1000)`;

const isAscii = (text: string): boolean => /^\p{ASCII}*$/u.test(text);

/**
 * Returns the filter for a search term: a part of the name, image or command, or the beginning of the id. A term of one
 * or two characters is the beginning of the name or id. Case is ignored except in ids.
 */
export function textFilter(
  q: string,
  ofOrganization: Prisma.Sql,
  inHalves: (condition: Prisma.Sql) => Prisma.Sql,
): Filter {
  const idMatches = beginsWith(Prisma.sql`c."dockerId"`, q);
  const idBegins = beginsWith(Prisma.sql`(left(c."dockerId", 12) COLLATE "C")`, q.slice(0, 12));
  const idIsFound = and([ofOrganization, idBegins, idMatches]);
  if (Array.from(q).length < 3) {
    const nameMatches = or(caseVariants(q).map((variant) => beginsWith(NAME, variant)));
    return { matches: or([nameMatches, idMatches]), indexed: [or([inHalves(nameMatches), idIsFound])], isExact: true };
  }
  // Compare an ASCII term byte by byte. In the locale of most servers, PostgreSQL would otherwise convert each text
  // first.
  const textMatches = contains(isAscii(q) ? Prisma.sql`${TEXT} COLLATE "C"` : TEXT, q);
  const matches = or([textMatches, idMatches]);
  if (!TRIGRAM_PATTERN.test(q)) return { matches };
  const textIsFound = contains(Prisma.sql`left(${TEXT}, 1000)`, q);
  const isLong = and([ofOrganization, UNINDEXED, textMatches, Prisma.sql`NOT ${textIsFound}`]);
  return { matches, indexed: [textIsFound, isLong, and([idIsFound, Prisma.sql`NOT ${textMatches}`])], isExact: true };
}

/** Returns a term of one or two characters in each mixture of upper and lower case. */
function caseVariants(q: string): string[] {
  const [first = [''], second = ['']] = Array.from(q, (each) => [each, each.toLowerCase(), each.toUpperCase()]);
  return [...new Set(first.flatMap((start) => second.map((end) => start + end)))];
}

/** Returns the filter for a label. If `value` is null, any value matches. */
export function labelFilter({ key, value }: { key: string; value: string | null }, ofOrganization: Prisma.Sql): Filter {
  const pairMatches = Prisma.sql`c.labels @> jsonb_build_object(${key}::text, ${value}::text)`;
  const matches = value === null ? Prisma.sql`c.labels ? ${key}` : pairMatches;
  const found = value === null ? Prisma.sql`container_label_keys(c.labels) ? ${key}` : pairMatches;
  // With the second condition, PostgreSQL can use the partial indexes of labels.
  const isFound = and([found, Prisma.sql`container_label_count(c.labels) <= 64`]);
  const isLong = and([ofOrganization, UNINDEXED, matches, Prisma.sql`container_label_count(c.labels) > 64`]);
  return { matches, indexed: [isFound, isLong], isExact: true };
}
