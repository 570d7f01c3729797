import { FRESHNESS } from '../../lib/container-status';
import { oneOf } from '../../lib/search-params';
import type { Freshness } from '@muster/contracts';

export const FRESHNESS_WORDS = Object.keys(FRESHNESS) as Freshness[];

/** Reads the parameters of the fleet page's address: the freshness of the hosts to show. */
export const fleetSearch = (search: Record<string, unknown>): { freshness?: Freshness | undefined } => ({
  freshness: oneOf(FRESHNESS_WORDS, search['freshness']),
});
