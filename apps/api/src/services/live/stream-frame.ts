import type { StreamMessage, StreamQuery } from '@muster/contracts';
import { formatPosition, isBehind, type FeedPosition } from './feed-position.js';

/** A message as it goes over the wire, made once for all who listen, with what it takes to know for whom it is. */
export interface StreamFrame {
  bytes: Buffer;
  /** Of an event of the history. */
  position?: FeedPosition;
  hostId?: string;
  /** Of a container's change. */
  change?: { kind: string; name: string };
}

/** Writes a message as a server-sent event. JSON has no line break of its own. */
export function toFrame(message: StreamMessage, position?: FeedPosition): StreamFrame {
  const id = message.id === undefined ? '' : `id: ${message.id}\n`;
  const bytes = Buffer.from(`event: ${message.event}\n${id}data: ${JSON.stringify(message.data)}\n\n`);
  switch (message.event) {
    case 'container': {
      const { hostId, kind, name } = message.data;
      return { bytes, hostId, change: { kind, name }, ...(position ? { position } : {}) };
    }
    case 'host':
      return { bytes, hostId: message.data.id };
    case 'host-deleted':
      return { bytes, hostId: message.data.hostId };
    default:
      return { bytes };
  }
}

/** Sends an id without a message: a client that reconnects continues from there. */
export const positionBytes = (position: FeedPosition): Buffer => Buffer.from(`id: ${formatPosition(position)}\n\n`);

/** Tells clients when to come again, should the connection end: not all of them at once. */
export const retryAfter = (ms: number): Buffer => Buffer.from(`retry: ${Math.round(ms)}\n\n`);

/** A comment: it says nothing, but that the connection lives. */
export const HEARTBEAT = Buffer.from(':\n\n');

/** Whether a message is for whoever asked for this and has been told of everything up to `after`. */
export function isFor({ position, hostId, change }: StreamFrame, query: StreamQuery, after: FeedPosition): boolean {
  if (position !== undefined && !isBehind(position, after)) return false;
  if (hostId !== undefined && query.hostId && !query.hostId.includes(hostId)) return false;
  if (change === undefined) return true;
  return (query.kind?.some((kind) => kind === change.kind) ?? true) && (query.name?.includes(change.name) ?? true);
}
