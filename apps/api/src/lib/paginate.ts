import { decodeCursor, encodeCursor } from './cursor.js';

/** The part of a Prisma query that selects a page in the order of the ids, and one additional row. */
export interface IdPage<Id> {
  where: { id?: { lt: Id } | { gt: Id } };
  orderBy: { id: 'asc' | 'desc' };
  take: number;
}

type IdType = 'uuid' | 'int8';

/**
 * Returns one page of a list that is ordered by id, newest first by default, and the cursor of the next page. `find`
 * runs the query and adds its own conditions to those of the page.
 * @throws InvalidRequestError for `cursor` if `cursor` is malformed, or was issued for a list with another type of id.
 */
export async function paginate<Row extends { id: string | bigint }, const T extends IdType = 'uuid'>(
  { cursor, limit }: { cursor?: string | undefined; limit: number },
  find: (page: IdPage<T extends 'int8' ? number : string>) => Promise<Row[]>,
  { idType = 'uuid' as T, order = 'desc' }: { idType?: T; order?: 'asc' | 'desc' } = {},
): Promise<{ items: Row[]; nextCursor: string | null }> {
  type Id = T extends 'int8' ? number : string;
  const after = cursor === undefined ? undefined : (decodeCursor(cursor, [idType])[0] as Id);
  const afterCursor = after === undefined ? {} : { id: order === 'desc' ? { lt: after } : { gt: after } };
  const rows = await find({ where: afterCursor, orderBy: { id: order }, take: limit + 1 });
  const items = rows.slice(0, limit);
  const last = rows.length > limit ? items.at(-1) : undefined;
  return { items, nextCursor: last === undefined ? null : encodeCursor([toCursorValue(last.id)]) };
}

const toCursorValue = (id: string | bigint): string | number => (typeof id === 'bigint' ? Number(id) : id);
