import { ProblemError, type Client } from '@muster/client';
import type { HostLabels, StreamMessage } from '@muster/contracts';
import { findHostIds } from './options.js';

export interface LabeledHosts {
  /** Takes a message of the stream into account. Call it for each message before `has`. */
  update(message: StreamMessage): void;
  /** Returns whether a host has the labels. Reads a host that is not known yet, such as one that was just enrolled. */
  has(hostId: string): Promise<boolean>;
}

/**
 * Follows which hosts have all of these labels, each written as `key=value`, or `key` for any value. Without labels,
 * all hosts count. The hosts are first read when the first event arrives, so that no change after the start is missed.
 */
export function followLabeledHosts(client: Client, hostLabel: readonly string[] | undefined): LabeledHosts {
  if (hostLabel === undefined) return { update: () => undefined, has: () => Promise.resolve(true) };
  const filters = hostLabel.map((text) => {
    const equals = text.indexOf('=');
    return equals === -1 ? { key: text } : { key: text.slice(0, equals), value: text.slice(equals + 1) };
  });
  const hasAll = (labels: HostLabels = {}): boolean =>
    filters.every(({ key, value }) => Object.hasOwn(labels, key) && (value === undefined || labels[key] === value));
  /** Whether each host has the labels; null if the hosts have to be read again. */
  let known: Map<string, boolean> | null = null;
  return {
    update({ event, data }) {
      switch (event) {
        case 'host':
          known?.set(data.id, hasAll(data.labels));
          break;
        case 'host-event':
          // The host's next event may arrive before the message with its new labels, so the host is read again.
          if (data.kind === 'labels_changed') known?.delete(data.hostId);
          break;
        // These are the first message of each connection, and messages that mean that earlier messages may be missing.
        case 'freshness':
        case 'hosts-changed':
        case 'reset':
          known = null;
          break;
        case 'container':
        case 'host-deleted':
        case 'summary':
        case 'lagging':
        case 'caught-up':
        case 'unauthorized':
        case 'heartbeat':
          break;
      }
    },
    async has(hostId) {
      known ??= new Map((await findHostIds(client, hostLabel)).map((id) => [id, true]));
      const isKnown = known.get(hostId) ?? hasAll(await readLabels(client, hostId));
      known.set(hostId, isKnown);
      return isKnown;
    },
  };
}

/** Reads the labels of a host. A deleted host has no labels. */
async function readLabels(client: Client, hostId: string): Promise<HostLabels> {
  try {
    const { labels } = await client.call('getHost', { params: { hostId } });
    return labels;
  } catch (error) {
    if (error instanceof ProblemError && error.status === 404) return {};
    throw error;
  }
}
