/** Parts of SQL conditions that several queries share. `c` is the alias of the table `containers`. */
import { DOCKER_STATES } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { OTHER_STATE } from '../sync/index.js';

/**
 * The beginning of the name, which is indexed. It fits into an index entry, and is ordered by code point on every
 * database.
 */
export const NAME_BEGINNING = Prisma.sql`(left(c.name, 200) COLLATE "C")`;
/** The beginning of the image, which is indexed in the same way. */
export const IMAGE_BEGINNING = Prisma.sql`(left(c.image, 200) COLLATE "C")`;
/** Identifies a build of an image: the digest, or the image's id if the container has no digest. */
export const BUILD_TEXT = Prisma.sql`COALESCE(c."imageDigest", c."imageId")`;
/** The beginning of `BUILD_TEXT`, which is indexed. */
export const BUILD_BEGINNING = Prisma.sql`(left(${BUILD_TEXT}, 200) COLLATE "C")`;

/** Returns the indexed beginning of a text. Counts characters in the same way as PostgreSQL. */
export const textBeginning = (text: string): string => Array.from(text).slice(0, 200).join('');

/** The key under which a row's state is counted and sorted. */
export const STATE_KEY = Prisma.sql`(CASE WHEN c.state IN (${Prisma.join([...DOCKER_STATES])}) THEN c.state ELSE ${OTHER_STATE} END)`;

/** Returns the condition that a row is in one of these states. `other` matches all states unknown to Docker. */
export const isInState = (states: readonly string[]): Prisma.Sql =>
  states.includes(OTHER_STATE)
    ? Prisma.sql`(c.state = ANY (${states}::text[]) OR ${STATE_KEY} = ${OTHER_STATE})`
    : Prisma.sql`c.state = ANY (${states}::text[])`;

const escape = (q: string) => q.replace(/[\\%_]/g, '\\$&');

/** Returns the pattern of texts that contain `q`. */
export const containing = (q: string): string => `%${escape(q)}%`;

/** Returns the condition that a text contains `q`, ignoring case. */
export const contains = (text: Prisma.Sql, q: string): Prisma.Sql => Prisma.sql`${text} ILIKE ${containing(q)}`;

/** Returns the condition that a text begins with `q`. */
export const beginsWith = (text: Prisma.Sql, q: string): Prisma.Sql => Prisma.sql`${text} LIKE ${`${escape(q)}%`}`;

/** Joins conditions with AND. Without conditions, the result is true. */
export const and = (conditions: readonly Prisma.Sql[]): Prisma.Sql =>
  conditions.length === 0 ? Prisma.sql`TRUE` : Prisma.join([...conditions], ' AND ');

/** Joins conditions with OR. There must be at least one condition. */
export const or = (conditions: readonly Prisma.Sql[]): Prisma.Sql =>
  Prisma.sql`((${Prisma.join([...conditions], ') OR (')}))`;

/** Excludes infra containers. Lists and counts use this condition unless the caller asks for infra containers. */
export const NOT_INFRA = Prisma.sql`NOT c."isInfra"`;
