import type { ContainerEvent, EventKind, EventValue } from '@muster/contracts';
import { formatPosition } from './feed-position.js';

/** The row of an event, with the name of its host. */
export interface EventRow {
  tx: bigint;
  id: bigint;
  hostId: string;
  hostName: string;
  dockerId: string;
  name: string;
  kind: EventKind;
  from: EventValue;
  to: EventValue;
  exitCode: number | null;
  observedAt: Date;
  recordedAt: Date;
}

export const toContainerEvent = ({
  tx,
  id,
  hostId,
  hostName,
  dockerId,
  name,
  kind,
  ...event
}: EventRow): ContainerEvent => ({
  id: formatPosition({ tx, id }),
  hostId,
  hostName,
  dockerId,
  name,
  kind,
  from: event.from,
  to: event.to,
  exitCode: event.exitCode,
  observedAt: event.observedAt.toISOString(),
  recordedAt: event.recordedAt.toISOString(),
});
