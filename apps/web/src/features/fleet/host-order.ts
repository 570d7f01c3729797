import type { Freshness, Host } from '@muster/contracts';
import { SEVERE_PROBLEMS } from '../../lib/format-problem';

const FRESHNESS_RANKS: Readonly<Record<Freshness, number>> = {
  offline: 0,
  engine_down: 0,
  stale: 1,
  never: 2,
  online: 3,
  left: 4,
};
const rankOf = ({ freshness, problems }: Host): number =>
  problems.some(({ code }) => SEVERE_PROBLEMS[code]) ? 0 : FRESHNESS_RANKS[freshness];

/** Orders hosts by how much attention they need, then by name in natural order, so that 10 comes after 9. */
export const compareSeverity = (a: Host, b: Host): number =>
  rankOf(a) - rankOf(b) || a.name.localeCompare(b.name, undefined, { numeric: true });
