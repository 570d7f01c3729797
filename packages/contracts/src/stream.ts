import { z } from 'zod';
import { Freshness } from './freshness.js';
import { ContainerEvent, Host } from './operator.js';
import { Summary } from './summary.js';

/**
 * The messages of `GET /api/stream`, as server-sent events: `event` is the name here, `data` the JSON of its schema.
 * Those of the history alone carry an id (`tx-id`), from which `Last-Event-ID` goes on without a loss; the others say
 * how things are, and are sent again on each connect.
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
  /** The history does not reach back to `Last-Event-ID`, or more was missed than is sent: read the lists again. */
  reset: z.object({}),
  /** The key or session has ended: no more will come, and no new connection will be let in. */
  unauthorized: z.object({}),
} as const;
export type StreamMessageName = keyof typeof StreamMessages;
export type StreamMessage = {
  [Name in StreamMessageName]: { event: Name; id?: string; data: z.output<(typeof StreamMessages)[Name]> };
}[StreamMessageName];
