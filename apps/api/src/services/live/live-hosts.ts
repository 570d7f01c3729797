import type { Freshness } from '@muster/contracts';
import type { Database } from '@muster/db';
import { freshnessCutoffs, type ReadFreshnessContext } from '../freshness/index.js';
import { toFrame, type StreamFrame } from './stream-frame.js';
import { watchHosts, type HostSign } from './watch-hosts.sql.js';
import type { HostReader } from '../inventory/index.js';

/** An organization's hosts as of one poll, by id. */
export type HostSigns = ReadonlyMap<string, HostSign>;

export interface LiveHosts {
  /** Returns the current hosts of these organizations. */
  look(organizationIds: readonly string[]): Promise<ReadonlyMap<string, HostSigns>>;

  /** Returns the messages for the differences between two polls; none if no client would see a difference. */
  changes(organizationId: string, before: HostSigns, after: HostSigns): Promise<StreamFrame[]>;
}

/** Maximum number of hosts sent one by one. If more changed at once, clients reload the list. */
const HOSTS_TOLD_MAX = 200;

export function createLiveHosts(
  db: Database,
  hosts: Pick<HostReader, 'some'>,
  freshnessContext: ReadFreshnessContext,
): LiveHosts {
  return {
    async look(organizationIds) {
      return watchHosts(db, organizationIds, freshnessCutoffs(await freshnessContext()));
    },

    async changes(organizationId, before, after) {
      const changed = [...after].flatMap(([hostId, { freshness, hash }]) => {
        const known = before.get(hostId);
        return known?.hash === hash && known.freshness === freshness ? [] : [hostId];
      });
      const gone = [...before.keys()].filter((hostId) => !after.has(hostId));
      if (changed.length + gone.length > HOSTS_TOLD_MAX) {
        return [freshnessFrame(after), toFrame({ event: 'hosts-changed', data: {} })];
      }
      const views = changed.length === 0 ? [] : await hosts.some(organizationId, changed);
      return [
        ...views.map((data) => toFrame({ event: 'host', data })),
        ...gone.map((hostId) => toFrame({ event: 'host-deleted', data: { hostId } })),
      ];
    },
  };
}

/** Returns the message with the freshness of all hosts, or of `hostIds`, that are not online. */
export function freshnessFrame(signs: HostSigns, hostIds?: readonly string[]): StreamFrame {
  const asked = hostIds === undefined ? null : new Set(hostIds);
  const hosts: { hostId: string; freshness: Freshness }[] = [];
  for (const [hostId, { freshness }] of signs) {
    if (freshness !== 'online' && (asked?.has(hostId) ?? true)) hosts.push({ hostId, freshness });
  }
  return toFrame({ event: 'freshness', data: { hosts } });
}
