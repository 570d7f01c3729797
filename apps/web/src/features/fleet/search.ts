import { FRESHNESS } from '../../lib/container-status';
import { parseChoice } from '../../lib/search-params';
import type { Freshness } from '@muster/contracts';

export const FRESHNESS_VALUES = Object.keys(FRESHNESS) as Freshness[];

/** Parses the query parameters of the fleet page, which select hosts by freshness. */
export const parseFleetSearch = (search: Record<string, unknown>): { freshness?: Freshness | undefined } => ({
  freshness: parseChoice(FRESHNESS_VALUES, search['freshness']),
});
