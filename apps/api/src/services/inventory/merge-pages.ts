/** The result of a scan: ordered rows, each with its position in the order. */
export interface ScanPage<Row extends { place: readonly string[] }> {
  rows: Row[];
  /** The position at which a scan reached its row limit; null if nothing follows `rows` or the page is full. */
  stoppedAt: readonly string[] | null;
  /** Whether the scan ended because its rows reached the maximum size of a page. */
  isFull: boolean;
}

/**
 * Merges several scans in the same order and returns the first `limit` rows. If a scan stopped early, rows beyond the
 * position where it stopped are omitted, because that scan may have unread rows before them.
 */
export function mergePages<Row extends { place: readonly string[] }>(
  scans: readonly ScanPage<Row>[],
  { limit, descending }: { limit: number; descending: boolean },
): ScanPage<Row> {
  if (scans.length === 1) return scans[0]!;
  const compare = (a: readonly string[], b: readonly string[]) => (descending ? -1 : 1) * comparePositions(a, b);
  const [stoppedAt = null] = scans.flatMap((scan) => (scan.stoppedAt === null ? [] : [scan.stoppedAt])).sort(compare);
  const rows = scans
    .flatMap((scan) => scan.rows)
    .sort((a, b) => compare(a.place, b.place))
    .filter(({ place }) => stoppedAt === null || compare(place, stoppedAt) <= 0)
    .slice(0, limit);
  const isFull = scans.some((scan) => scan.isFull);
  return { rows, stoppedAt: rows.length < limit ? stoppedAt : null, isFull };
}

/** Compares by code point, as PostgreSQL does with collation "C". UUIDs and instants sort the same way as text. */
function comparePositions(a: readonly string[], b: readonly string[]): number {
  for (const [index, text] of a.entries()) {
    const order = Buffer.compare(Buffer.from(text), Buffer.from(b[index] ?? ''));
    if (order !== 0) return order;
  }
  return 0;
}
