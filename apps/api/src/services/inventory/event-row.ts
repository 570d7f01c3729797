import type { ContainerEvent, EventKind, EventValue, ExitReason } from '@muster/contracts';
import { toLoopExits, toWorkload, type StoredLoopExits, type WorkloadColumns } from '../sync/index.js';
import { formatPosition } from './feed-position.js';

/** The row of an event, with the name of its host. */
export interface EventRow extends WorkloadColumns {
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
  exitReason: ExitReason | null;
  image: string | null;
  exits: StoredLoopExits | null;
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
  exitReason: event.exitReason,
  workload: toWorkload(event),
  image: event.image,
  exits: event.exits && toLoopExits(event.exits),
  observedAt: event.observedAt.toISOString(),
  recordedAt: event.recordedAt.toISOString(),
});
