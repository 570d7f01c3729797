/** The result of a walk: ordered rows, each with its place in the order. */
export interface ScanPage<Row extends { place: readonly string[] }> {
  rows: Row[];
  /** The place at which a walk reached its row budget; null: nothing follows `rows`, or the page is full. */
  stoppedAt: readonly string[] | null;
  /** Whether the walk ended because its rows reached the maximum size of a page. */
  isFull: boolean;
}

/**
 * Merges several walks in the same order and returns the first `limit` rows. If a walk stopped early, rows beyond its
 * stop are left out, because that walk may have unread rows before them.
 */
export function mergePages<Row extends { place: readonly string[] }>(
  walks: readonly ScanPage<Row>[],
  { limit, descending }: { limit: number; descending: boolean },
): ScanPage<Row> {
  if (walks.length === 1) return walks[0]!;
  const compare = (a: readonly string[], b: readonly string[]) => (descending ? -1 : 1) * comparePositions(a, b);
  const [stoppedAt = null] = walks.flatMap((walk) => (walk.stoppedAt === null ? [] : [walk.stoppedAt])).sort(compare);
  const rows = walks
    .flatMap((walk) => walk.rows)
    .sort((a, b) => compare(a.place, b.place))
    .filter(({ place }) => stoppedAt === null || compare(place, stoppedAt) <= 0)
    .slice(0, limit);
  const isFull = walks.some((walk) => walk.isFull);
  return { rows, stoppedAt: rows.length < limit ? stoppedAt : null, isFull };
}

/** Compares by code point, as PostgreSQL does with collation "C"; UUIDs and instants as text order the same way. */
function comparePositions(a: readonly string[], b: readonly string[]): number {
  for (const [index, text] of a.entries()) {
    const order = Buffer.compare(Buffer.from(text), Buffer.from(b[index] ?? ''));
    if (order !== 0) return order;
  }
  return 0;
}
