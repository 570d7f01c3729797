import type { EventKind, ExitReason } from '@muster/contracts';
import { parseAll, parseChoices, parseFirst } from '../../lib/search-params';
import { EVENT_KINDS } from '../../lib/format-event';
import { EXIT_REASONS } from '../../lib/format-exit';

/** The query parameters of the events page. */
export interface EventSearch {
  hostId?: string[] | undefined;
  hostLabel?: string[] | undefined;
  name?: string | undefined;
  project?: string[] | undefined;
  service?: string[] | undefined;
  instance?: string[] | undefined;
  kind?: EventKind[] | undefined;
  exitReason?: ExitReason[] | undefined;
}

export function parseEventSearch(search: Record<string, unknown>): EventSearch {
  return {
    hostId: parseAll(search['hostId']),
    hostLabel: parseAll(search['hostLabel']),
    name: parseFirst(search['name']),
    project: parseAll(search['project']),
    service: parseAll(search['service']),
    instance: parseAll(search['instance']),
    kind: parseChoices(EVENT_KINDS, search['kind']),
    exitReason: parseChoices(EXIT_REASONS, search['exitReason']),
  };
}
