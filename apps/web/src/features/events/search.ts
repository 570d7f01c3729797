import type { EventKind } from '@muster/contracts';
import { many, one } from '../../lib/search-params';
import { EVENT_KINDS } from '../../lib/format-event';

/** The parameters of the events page's address. */
export interface EventSearch {
  hostId?: string[] | undefined;
  name?: string | undefined;
  kind?: EventKind[] | undefined;
}

const isKind = (word: string): word is EventKind => (EVENT_KINDS as readonly string[]).includes(word);

export function eventSearch(search: Record<string, unknown>): EventSearch {
  const kinds = many(search['kind'])?.filter(isKind);
  return {
    hostId: many(search['hostId']),
    name: one(search['name']),
    kind: kinds === undefined || kinds.length === 0 ? undefined : kinds,
  };
}
