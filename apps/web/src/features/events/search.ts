import type { EventKind, ExitReason, HostEventKind } from '@muster/contracts';
import { parseAll, parseChoice, parseChoices, parseFirst } from '../../lib/search-params';
import { EVENT_KINDS } from '../../lib/format-event';
import { EXIT_REASONS } from '../../lib/format-exit';
import { HOST_EVENT_KINDS } from '../../lib/format-host-event';

/** The query parameters of the events page. */
export interface EventSearch {
  /** Whether the page lists events of hosts. By default, the page lists events of containers. */
  subject?: 'host' | undefined;
  hostId?: string[] | undefined;
  hostLabel?: string[] | undefined;
  name?: string | undefined;
  project?: string[] | undefined;
  service?: string[] | undefined;
  instance?: string[] | undefined;
  kind?: EventKind[] | undefined;
  exitReason?: ExitReason[] | undefined;
  /** The kinds of events of hosts. */
  hostKind?: HostEventKind[] | undefined;
}

export function parseEventSearch(search: Record<string, unknown>): EventSearch {
  return {
    subject: parseChoice(['host'], search['subject']),
    hostId: parseAll(search['hostId']),
    hostLabel: parseAll(search['hostLabel']),
    name: parseFirst(search['name']),
    project: parseAll(search['project']),
    service: parseAll(search['service']),
    instance: parseAll(search['instance']),
    kind: parseChoices(EVENT_KINDS, search['kind']),
    exitReason: parseChoices(EXIT_REASONS, search['exitReason']),
    hostKind: parseChoices(HOST_EVENT_KINDS, search['hostKind']),
  };
}
