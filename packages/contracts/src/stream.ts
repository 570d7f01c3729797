import { z } from 'zod';
import { Freshness } from './freshness.js';
import { ContainerEvent, Host } from './operator.js';
import { Summary } from './summary.js';

/**
 * The messages of `GET /api/stream`, as server-sent events: `event` is the name here, `data` the JSON of its schema.
 * `container` and `reset` carry an id (`tx-id`) from which `Last-Event-ID` continues without a loss. The stream also sends
 * ids without a message: at the start of each connection, and every 30 s to a client whose filters let no event through.
 * The other messages describe the present state, and are sent again on each connect. Clients ignore names that they do
 * not know.
 */
export const StreamMessages = {
  /** The first message of a connection, and again, at most every few seconds, when the numbers have changed. */
  summary: Summary,
  /** One change of one container, once it is committed. Carries the id. */
  container: ContainerEvent,
  /** A host came, changed in what `Host` says of it (its name, counts, engine, freshness), or goes by another freshness. */
  host: Host,
  /** A host was deleted. */
  'host-deleted': z.object({ hostId: z.uuid() }),
  /** How current each host is that is not online: after `summary` on each connect. */
  freshness: z.object({ hosts: z.array(z.object({ hostId: z.uuid(), freshness: Freshness })) }),
  /** More hosts changed at once than are sent one by one: read the hosts again. No event of the history is missing. */
  'hosts-changed': z.object({}),
  /**
   * The history does not reach back to `Last-Event-ID`, or more was missed than is sent: read the lists again. Carries
   * the id from which the stream continues.
   */
  reset: z.object({}),
  /**
   * Changes arrive late: those after `since` may not have been sent. Sent when that begins, whenever `since` moves, and
   * to each client that connects in the meantime.
   */
  lagging: z.object({ since: z.iso.datetime() }),
  /** Follows `lagging`: everything that was committed has been sent, and changes arrive within seconds again. */
  'caught-up': z.object({}),
  /** The key or session has ended: no more will come, and no new connection will be let in. */
  unauthorized: z.object({}),
} as const;
export type StreamMessageName = keyof typeof StreamMessages;
export type StreamMessage = {
  [Name in StreamMessageName]: { event: Name; id?: string; data: z.output<(typeof StreamMessages)[Name]> };
}[StreamMessageName];
