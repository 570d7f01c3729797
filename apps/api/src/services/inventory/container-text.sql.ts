import { Prisma } from '@muster/db';
import { and, beginsWith, containing, contains, NAME_BEGINNING, or } from './container-columns.sql.js';

/** A condition on a row of `containers`, with the alias `c`. */
export interface Filter {
  /** The condition as it is checked row by row. */
  matches: Prisma.Sql;
  /** Conditions that indexes can answer. Each match meets exactly one of these conditions. */
  indexed?: Prisma.Sql[];
  /**
   * A condition on a row of `hosts`, with the alias `h`. This condition is true for the host of every match that is a
   * present container.
   */
  hostCondition?: Prisma.Sql;
  /**
   * Conditions like `indexed`, for a list sorted by name. Each condition selects either a range of names or few rows.
   */
  nameRanges?: Prisma.Sql[];
  /** True if every row that meets `indexed` is a match, so that `matches` need not be checked. */
  isExact?: boolean;
}

/** Matches words in which pg_trgm finds a trigram in every locale. Without a trigram, pg_trgm reads its whole index. */
const WORD_PATTERN = /[A-Za-z0-9]{3,}/g;

/** Number of containers in the sample that shows which words are common. */
const SAMPLE_ROWS = 100;

const TEXT = Prisma.sql`container_search_text(c.name, c.image, c.command)`;

/** Matches rows whose text or labels are not completely indexed. These rows have a separate index. */
const IS_NOT_FULLY_INDEXED = Prisma.sql`(container_label_count(c.labels) > 64 OR length(${TEXT}) > 1000)`;

/**
 * Returns the filter for a search term. A match contains the term in its name, image or command, or its id begins with
 * the term. If the term has one or two characters, the name or id must begin with the term. Case is ignored except in
 * ids.
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
    const namesBegin = caseVariants(q).map((variant) => beginsWith(NAME_BEGINNING, variant));
    const idsFound = Prisma.sql`c.ctid = ANY (ARRAY(SELECT c.ctid FROM containers AS c WHERE ${idIsFound}))`;
    return {
      matches: or([...namesBegin, idMatches]),
      indexed: [or([inHalves(or(namesBegin)), idIsFound])],
      isExact: true,
      nameRanges: [...namesBegin, and([idsFound, Prisma.sql`NOT ${or(namesBegin)}`])],
    };
  }
  // Compare an ASCII term byte by byte. In the locale of most servers, PostgreSQL would otherwise convert each text
  // first.
  const textMatches = contains(/^\p{ASCII}*$/u.test(q) ? Prisma.sql`${TEXT} COLLATE "C"` : TEXT, q);
  const matches = or([textMatches, idMatches]);
  const words = q.match(WORD_PATTERN);
  if (words === null) return { matches };
  const textIsFound = Prisma.sql`left(${TEXT}, 1000) ILIKE ${indexPattern(q, words, ofOrganization)}`;
  const isLong = and([ofOrganization, IS_NOT_FULLY_INDEXED, textMatches, Prisma.sql`NOT ${textIsFound}`]);
  const isOnlyId = and([idIsFound, Prisma.sql`NOT ${or([textMatches, textIsFound])}`]);
  return { matches, indexed: [textIsFound, isLong, isOnlyId], isExact: words.length < 2 };
}

/**
 * Returns a pattern for the index. The pattern omits words of the term that most containers have, such as the name of a
 * registry. Such words exclude few containers and take most of the time. The words are found in a sample: the
 * containers with the lowest ids. The sample is random, because ids are random.
 */
function indexPattern(q: string, words: readonly string[], ofOrganization: Prisma.Sql): Prisma.Sql {
  if (words.length < 2) return Prisma.sql`${containing(q)}`;
  return Prisma.sql`(
    WITH sample AS MATERIALIZED (
      SELECT ${TEXT} COLLATE "C" AS text FROM containers AS c WHERE ${ofOrganization}
      ORDER BY left(c."dockerId", 12) COLLATE "C" LIMIT ${SAMPLE_ROWS}::int
    )
    SELECT COALESCE('%' || string_agg(word, '%' ORDER BY number) || '%', ${containing(q)})
    FROM unnest(${words}::text[]) WITH ORDINALITY AS words (word, number)
    WHERE (SELECT count(*) FROM sample WHERE text ILIKE '%' || word || '%') < ${SAMPLE_ROWS / 2}::int)`;
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
  const isLong = and([ofOrganization, IS_NOT_FULLY_INDEXED, matches, Prisma.sql`container_label_count(c.labels) > 64`]);
  return { matches, indexed: [isFound, isLong], isExact: true };
}
