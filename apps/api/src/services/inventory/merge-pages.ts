/** What a walk found: rows in order, each with its place in it. */
export interface Listed<Row extends { place: readonly string[] }> {
  rows: Row[];
  /** Where the walk ended that was not allowed to go on; null: there is nothing beyond `rows`, or they are enough. */
  stoppedAt: readonly string[] | null;
  /** Whether it ended because the rows are as large as a page may be. */
  isFull: boolean;
}

/**
 * The first `limit` rows of several walks in one order. Where one of them was stopped, nothing beyond its end is
 * known, so neither is what the others found there told.
 */
export function mergeListed<Row extends { place: readonly string[] }>(
  walks: readonly Listed<Row>[],
  { limit, descending }: { limit: number; descending: boolean },
): Listed<Row> {
  if (walks.length === 1) return walks[0]!;
  const compare = (a: readonly string[], b: readonly string[]) => (descending ? -1 : 1) * comparePlaces(a, b);
  const [stoppedAt = null] = walks.flatMap((walk) => (walk.stoppedAt === null ? [] : [walk.stoppedAt])).sort(compare);
  const rows = walks
    .flatMap((walk) => walk.rows)
    .sort((a, b) => compare(a.place, b.place))
    .filter(({ place }) => stoppedAt === null || compare(place, stoppedAt) <= 0)
    .slice(0, limit);
  const isFull = walks.some((walk) => walk.isFull);
  return { rows, stoppedAt: rows.length < limit ? stoppedAt : null, isFull };
}

/** By code point, as the database compares texts under "C"; UUIDs and instants come out the same as texts. */
function comparePlaces(a: readonly string[], b: readonly string[]): number {
  for (const [index, text] of a.entries()) {
    const order = Buffer.compare(Buffer.from(text), Buffer.from(b[index] ?? ''));
    if (order !== 0) return order;
  }
  return 0;
}
