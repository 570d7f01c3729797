import type { FleetMap, Freshness } from '@muster/contracts';
import { FRESHNESS } from '../../lib/container-status';
import { formatCount } from '../../lib/format-count';

/**
 * The marks of the density map, worst first. Each mark has its own shape and color. The mark of a host shows its
 * freshness. If the host is online, the mark may show a problem instead. If the host is stale or has never reported,
 * only a severe problem is shown instead.
 */
export const MARKS = [
  'offline',
  'engine_down',
  'problem',
  'stale',
  'minor',
  'unhealthy',
  'never',
  'left',
  'online',
] as const;
export type Mark = (typeof MARKS)[number];

export const MARK_LABELS: Readonly<Record<Mark, string>> = {
  offline: FRESHNESS.offline.label,
  engine_down: FRESHNESS.engine_down.label,
  problem: 'severe problem',
  stale: FRESHNESS.stale.label,
  minor: 'minor problem',
  unhealthy: 'unhealthy containers',
  never: FRESHNESS.never.label,
  left: FRESHNESS.left.label,
  online: 'online, no problems',
};

/** A host with at least this severity, as computed by the API, has a severe problem. */
const SEVERE_MIN = 5;
/** A host with at least this severity, but less than `SEVERE_MIN`, has a minor problem. */
const MINOR_MIN = 3;

/** Returns the mark of a host. */
export function markOf(freshness: Freshness, severity: number, unhealthy: number): Mark {
  if (freshness === 'offline' || freshness === 'engine_down' || freshness === 'left') return freshness;
  if (severity >= SEVERE_MIN) return 'problem';
  if (freshness !== 'online') return freshness;
  if (severity >= MINOR_MIN) return 'minor';
  return unhealthy > 0 ? 'unhealthy' : 'online';
}

/** Returns the marks of all hosts, in the order of the map. */
export const marksOf = ({ freshness, severity, unhealthy }: FleetMap): Mark[] =>
  freshness.map((value, index) => markOf(value, severity[index]!, unhealthy[index]!));

/** Returns the width and height of a cell in pixels. Cells of large fleets are smaller. */
export const cellSize = (hosts: number): number => (hosts <= 1_000 ? 16 : hosts <= 4_000 ? 12 : 10);

/** The shapes of the marks on a grid of 10 × 10, as relative SVG paths that start at the cell's corner. */
const SHAPES: Readonly<Record<Mark, string>> = {
  online: 'm2.5 2.5h5v5h-5z',
  unhealthy: 'm1 1h8v8h-8zm2.5 2.5v3h3v-3z',
  minor: 'm5 .5 4.5 4.5-4.5 4.5-4.5-4.5zm0 3-1.5 1.5 1.5 1.5 1.5-1.5z',
  problem: 'm5 0 5 5-5 5-5-5z',
  engine_down: 'm5 .5 5 9h-10z',
  offline: 'm.5 2 1.5-1.5 3 3 3-3 1.5 1.5-3 3 3 3-1.5 1.5-3-3-3 3-1.5-1.5 3-3z',
  stale: 'm5 .5v9a4.5 4.5 0 0 1 0-9z',
  never: 'm2 2h6v6h-6zm1.2 1.2v3.6h3.6v-3.6z',
  left: 'm1.5 4h7v2h-7z',
};

/**
 * Returns one SVG path per mark with the shapes of all its hosts, so that a map of 10,000 hosts has few elements. A
 * cell is 10 units wide and high.
 */
export function pathsOf(marks: readonly Mark[], columns: number): Partial<Record<Mark, string>> {
  const parts = new Map<Mark, string[]>();
  marks.forEach((mark, index) => {
    const place = `M${(index % columns) * 10} ${Math.floor(index / columns) * 10}${SHAPES[mark]}`;
    const ofMark = parts.get(mark);
    if (ofMark === undefined) parts.set(mark, [place]);
    else ofMark.push(place);
  });
  return Object.fromEntries([...parts].map(([mark, places]) => [mark, places.join('')]));
}

/** The shape of a mark for the legend. */
export const shapeOf = (mark: Mark): string => `M0 0${SHAPES[mark]}`;

/**
 * Returns the index of the cell that a key moves to, or null for other keys. The cells are in rows of `columns` cells.
 */
export function cellAfterKey(key: string, index: number, columns: number, count: number): number | null {
  const target = {
    ArrowLeft: index - 1,
    ArrowRight: index + 1,
    ArrowUp: index - columns,
    ArrowDown: index + columns,
    Home: 0,
    End: count - 1,
  }[key];
  if (target === undefined) return null;
  return target < 0 || target >= count ? index : target;
}

/** Describes the state of a host of the map in words. */
export function describeState({ freshness, severity, unhealthy }: FleetMap, index: number): string {
  const mark = markOf(freshness[index]!, severity[index]!, unhealthy[index]!);
  return [
    FRESHNESS[freshness[index]!].label,
    ...(mark === 'problem' || mark === 'minor' ? [MARK_LABELS[mark]] : []),
    ...(unhealthy[index]! > 0 ? [formatCount(unhealthy[index]!, 'unhealthy container')] : []),
  ].join(', ');
}
