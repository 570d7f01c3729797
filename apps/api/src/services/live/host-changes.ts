import type { Freshness } from '@muster/contracts';
import { freshnessCutoffs, type FreshnessSource } from '../freshness/index.js';
import { toFrame, type StreamFrame } from './frame.js';
import { readHostFingerprints, type HostFingerprint } from './read-host-fingerprints.sql.js';
import { getHosts } from '../inventory/index.js';

/** An organization's hosts by id, as read by one poll. */
export type HostFingerprints = ReadonlyMap<string, HostFingerprint>;

/**
 * Maximum number of changed hosts for which one message per host is sent. If more hosts changed between two polls,
 * clients reload the list.
 */
const HOST_MESSAGES_MAX = 200;

/** Returns the current fingerprints of these organizations' hosts. */
export const pollHosts = async (
  { db, freshnessContext }: FreshnessSource,
  organizationIds: readonly string[],
): Promise<ReadonlyMap<string, HostFingerprints>> =>
  readHostFingerprints(db, organizationIds, freshnessCutoffs(await freshnessContext()));

/**
 * Returns the messages for the differences between two polls. Returns no messages if clients would see no difference.
 */
export async function hostChangeFrames(
  source: FreshnessSource,
  organizationId: string,
  before: HostFingerprints,
  after: HostFingerprints,
): Promise<StreamFrame[]> {
  const changed = [...after].flatMap(([hostId, { freshness, hash }]) => {
    const fingerprintBefore = before.get(hostId);
    return fingerprintBefore?.hash === hash && fingerprintBefore.freshness === freshness ? [] : [hostId];
  });
  const deleted = [...before.keys()].filter((hostId) => !after.has(hostId));
  if (changed.length + deleted.length > HOST_MESSAGES_MAX) {
    return [freshnessFrame(after), toFrame({ event: 'hosts-changed', data: {} })];
  }
  const views = changed.length === 0 ? [] : await getHosts(source, organizationId, changed);
  return [
    ...views.map((data) => toFrame({ event: 'host', data })),
    ...deleted.map((hostId) => toFrame({ event: 'host-deleted', data: { hostId } })),
  ];
}

/**
 * Returns the message that lists the hosts that are not online, with their freshness. Checks only `hostIds`, if given.
 */
export function freshnessFrame(fingerprints: HostFingerprints, hostIds?: readonly string[]): StreamFrame {
  const requestedIds = hostIds === undefined ? null : new Set(hostIds);
  const hosts: { hostId: string; freshness: Freshness }[] = [];
  for (const [hostId, { freshness }] of fingerprints) {
    if (freshness !== 'online' && (requestedIds?.has(hostId) ?? true)) hosts.push({ hostId, freshness });
  }
  return toFrame({ event: 'freshness', data: { hosts } });
}
