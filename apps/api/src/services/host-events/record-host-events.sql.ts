import type { HostEventKind, HostLabels } from '@muster/contracts';
import { Prisma } from '@muster/db';
import { labelChanges } from './label-changes.js';

/** An event to record. `from` and `to` are described at `HOST_EVENT_KINDS`. */
export interface NewHostEvent {
  organizationId: string;
  hostId: string;
  kind: HostEventKind;
  /** For `labels_changed`, all labels before the change. Only the labels that changed are recorded. */
  from?: Prisma.InputJsonObject | null;
  /** For `labels_changed`, all labels after the change. Only the labels that changed are recorded. */
  to?: Prisma.InputJsonObject | null;
  /** When the event happened. */
  at: Date;
  /** The current time. */
  recordedAt: Date;
}

/**
 * Records events of hosts, in the given order, in the transaction that makes the changes. Record `host_enrolled` and
 * `host_renamed` before the host is changed. Otherwise, triggers record them as changes by an earlier version of
 * Muster. Do not pass events that are recorded elsewhere: the trigger `host_history` records departures, problems and
 * upgrades, and `enroll-new-host.sql.ts` records the first `host_enrolled`. Resolves with the size of the events in
 * bytes.
 */
export async function recordHostEvents(
  tx: Pick<Prisma.TransactionClient, '$executeRaw'>,
  events: readonly NewHostEvent[],
): Promise<number> {
  if (events.length === 0) return 0;
  const rows = JSON.stringify(events.map((event) => ({ ...event, ...valuesOf(event) })));
  await tx.$executeRaw(Prisma.sql`
    INSERT INTO host_events (tx, id, "hostId", "organizationId", kind, "from", "to", at, "recordedAt")
    SELECT pg_current_xact_id()::text::bigint, nextval('container_events_id_seq'), e."hostId", e."organizationId", e.kind,
      e."from", e."to", e.at, e."recordedAt"
    FROM json_to_recordset(${rows}::json) AS e (
      "hostId" uuid, "organizationId" text, kind text, "from" jsonb, "to" jsonb, at timestamptz,
      "recordedAt" timestamptz)`);
  return Buffer.byteLength(rows);
}

function valuesOf({ kind, from, to }: NewHostEvent) {
  if (kind === 'labels_changed') return labelChanges(labelsOf(from), labelsOf(to));
  return { from: from ?? undefined, to: to ?? undefined };
}

const labelsOf = (value: NewHostEvent['from']): HostLabels => (value?.['labels'] ?? {}) as HostLabels;
