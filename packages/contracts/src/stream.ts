import { z } from 'zod';
import { Freshness } from './freshness.js';
import { ContainerEvent } from './history.js';
import { HostEvent } from './host-events.js';
import { Host } from './host.js';
import { Summary } from './summary.js';

/**
 * The messages of `GET /api/stream`, as server-sent events. `event` is a key of this object, and `data` is JSON of the
 * key's schema. `container`, `host-event` and `reset` have an id (`tx-id`). A client that sends its last id as
 * `Last-Event-ID` resumes the stream without loss. The stream also sends ids without a message: at the start of each
 * connection, and every 30 s if the client's filters match no event. Messages without an id describe the current state
 * and are sent again on each connection. Clients must ignore messages with an unknown `event`.
 */
export const StreamMessages = {
  /**
   * The fleet's counts. This is the first message of a connection, and is sent again, at most every few seconds, when a
   * count has changed.
   */
  summary: Summary,
  /** One committed change of one container. Has an id. */
  container: ContainerEvent,
  /** One committed event of one host. Has an id. */
  'host-event': HostEvent,
  /** A host was enrolled, or a field of its `Host` changed, such as its name, counts, engine or freshness. */
  host: Host,
  /** A host was deleted by an operator. Its containers are deleted with it. */
  'host-deleted': z.object({ hostId: z.uuid() }),
  /** The freshness of each host that is not online. Sent after `summary` on each connection. */
  freshness: z.object({ hosts: z.array(z.object({ hostId: z.uuid(), freshness: Freshness })) }),
  /**
   * Too many hosts changed at the same time to send one message per host. The client must read the hosts again. No
   * `container` event was lost.
   */
  'hosts-changed': z.object({}),
  /**
   * Events were skipped, so the client must read the lists again. There are three possible reasons. The history does
   * not contain `Last-Event-ID`. The events after that id are too many or too old to send. The database was restarted
   * or lost a part of its history. The stream continues from the id of this message.
   */
  reset: z.object({}),
  /**
   * Events are delayed: events that were recorded after the time `since` may not have been sent yet. Sent when the
   * delay begins, whenever `since` changes, and to each client that connects during the delay.
   */
  lagging: z.object({ since: z.iso.datetime() }),
  /** Ends `lagging`: all committed events have been sent, and events arrive within seconds again. */
  'caught-up': z.object({}),
  /** Sent every 15 s, so that a client can detect a broken connection. */
  heartbeat: z.object({}),
  /** The API key or session is no longer valid. This is the last message; a new connection would be refused. */
  unauthorized: z.object({}),
} as const;
export type StreamMessageName = keyof typeof StreamMessages;
export type StreamMessage = {
  [Name in StreamMessageName]: { event: Name; id?: string; data: z.output<(typeof StreamMessages)[Name]> };
}[StreamMessageName];
