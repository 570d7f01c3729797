import type { Host } from '@muster/contracts';
import { severityOf } from '../../lib/severity';

/** One collator for all comparisons, because `localeCompare` with options creates one for each call. */
const NATURAL_ORDER = new Intl.Collator(undefined, { numeric: true });

/** Orders hosts by how much attention they need, then by name in natural order, so that 10 comes after 9. */
export const compareSeverity = (a: Host, b: Host): number =>
  severityOf(b) - severityOf(a) || NATURAL_ORDER.compare(a.name, b.name);
