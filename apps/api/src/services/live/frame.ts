import type { ContainerEvent, HostEventKind, StreamMessage, StreamQuery } from '@muster/contracts';
import { formatPosition, isPositionAfter, type FeedPosition } from '../inventory/index.js';
import { StreamChunk } from './chunk.js';

/** A message encoded once for all listeners, with the fields that decide which listeners receive it. */
export interface StreamFrame {
  bytes: Buffer;
  /** The position of an event of the history. */
  position?: FeedPosition;
  hostId?: string;
  /** The kind of a container's change, the container's name, and why its process ended. */
  change?: Pick<ContainerEvent, 'kind' | 'name' | 'exitReason' | 'exits'>;
  /** The kind of an event of the host itself. */
  hostEventKind?: HostEventKind;
}

/** Encodes a message as a server-sent event. JSON text has no line breaks, so one data line suffices. */
export function toFrame(message: StreamMessage, position?: FeedPosition): StreamFrame {
  const id = message.id === undefined ? '' : `id: ${message.id}\n`;
  const bytes = Buffer.from(`event: ${message.event}\n${id}data: ${JSON.stringify(message.data)}\n\n`);
  switch (message.event) {
    case 'container': {
      const { hostId, kind, name, exitReason, exits } = message.data;
      return { bytes, hostId, change: { kind, name, exitReason, exits }, ...(position ? { position } : {}) };
    }
    case 'host-event': {
      const { hostId, kind } = message.data;
      return { bytes, hostId, hostEventKind: kind, ...(position ? { position } : {}) };
    }
    case 'host':
      return { bytes, hostId: message.data.id };
    case 'host-deleted':
      return { bytes, hostId: message.data.hostId };
    default:
      return { bytes };
  }
}

/** Combines messages into one chunk. */
export const toChunk = (frames: readonly StreamFrame[]): StreamChunk =>
  new StreamChunk(Buffer.concat(frames.map(({ bytes }) => bytes)));

/** Encodes an id without a message. A client that reconnects resumes from this id. */
export const positionFrame = (position: FeedPosition): StreamFrame => ({
  bytes: Buffer.from(`id: ${formatPosition(position)}\n\n`),
  position,
});

/**
 * Encodes the delay after which a client reconnects. Callers vary the delay, so that not all clients reconnect at the
 * same time.
 */
export const retryChunk = (ms: number): StreamChunk => new StreamChunk(Buffer.from(`retry: ${Math.round(ms)}\n\n`));

/**
 * A message that keeps the connection alive. A server-sent comment would not suffice, because a browser's EventSource
 * does not report comments. A client that receives no heartbeat knows that a proxy buffers the stream.
 */
export const HEARTBEAT_CHUNK = toChunk([toFrame({ event: 'heartbeat', data: {} })]);

/**
 * Returns true if a listener with this query must receive a message. The listener has already received all events up to
 * `after`.
 */
export function matchesListener(
  { position, hostId, change, hostEventKind }: StreamFrame,
  query: StreamQuery,
  after: FeedPosition,
): boolean {
  if (position !== undefined && !isPositionAfter(position, after)) return false;
  if (hostId !== undefined && query.hostId && !query.hostId.includes(hostId)) return false;
  if (hostEventKind !== undefined) {
    return (query.kind?.includes(hostEventKind) ?? true) && query.name === undefined && query.exitReason === undefined;
  }
  if (change === undefined) return true;
  const { kind, name, exitReason, exits } = change;
  const reasons = [exitReason, ...(exits?.codes ?? []).map(({ reason }) => reason)];
  return (
    (query.kind?.includes(kind) ?? true) &&
    (query.name?.includes(name) ?? true) &&
    (query.exitReason?.some((reason) => reasons.includes(reason)) ?? true)
  );
}
