import type { Freshness } from '@muster/contracts';
import type { Database } from '@muster/db';
import { freshnessCutoffs } from '../freshness/freshness.js';
import { toFrame, type StreamFrame } from './stream-frame.js';
import { watchHosts, type HostSign } from './watch-hosts.sql.js';
import type { ReadFreshnessContext } from '../freshness/freshness-context.js';
import type { HostReader } from '../inventory/host-reader.js';

/** The hosts of an organization as they were last seen, by id. */
export type HostSigns = ReadonlyMap<string, HostSign>;

export interface LiveHosts {
  /** How all hosts of these organizations are now. */
  look(organizationIds: readonly string[]): Promise<ReadonlyMap<string, HostSigns>>;

  /** What to tell of one look after another. Nothing: nobody would see a difference. */
  changes(organizationId: string, before: HostSigns, after: HostSigns): Promise<StreamFrame[]>;
}

/** Hosts that are sent one by one. Where more have changed at once, clients read the list again. */
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

/** How current the hosts are that are not online, of all or of some. */
export function freshnessFrame(signs: HostSigns, hostIds?: readonly string[]): StreamFrame {
  const asked = hostIds === undefined ? null : new Set(hostIds);
  const hosts: { hostId: string; freshness: Freshness }[] = [];
  for (const [hostId, { freshness }] of signs) {
    if (freshness !== 'online' && (asked?.has(hostId) ?? true)) hosts.push({ hostId, freshness });
  }
  return toFrame({ event: 'freshness', data: { hosts } });
}
