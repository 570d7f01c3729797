import type { EventKind } from '@muster/contracts';
import { parseAll, parseFirst } from '../../lib/search-params';
import { EVENT_KINDS } from '../../lib/format-event';

/** The parameters of the events page's address. */
export interface EventSearch {
  hostId?: string[] | undefined;
  name?: string | undefined;
  kind?: EventKind[] | undefined;
}

const isKind = (word: string): word is EventKind => (EVENT_KINDS as readonly string[]).includes(word);

export function parseEventSearch(search: Record<string, unknown>): EventSearch {
  const kinds = parseAll(search['kind'])?.filter(isKind);
  return {
    hostId: parseAll(search['hostId']),
    name: parseFirst(search['name']),
    kind: kinds === undefined || kinds.length === 0 ? undefined : kinds,
  };
}
