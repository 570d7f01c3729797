import type { HostEventKind } from '@muster/contracts';
import { Prisma } from '@muster/db';

/** An event to record. `from` and `to` are described at `HOST_EVENT_KINDS`. */
export interface NewHostEvent {
  organizationId: string;
  hostId: string;
  kind: HostEventKind;
  from?: Prisma.InputJsonObject | null;
  to?: Prisma.InputJsonObject | null;
  /** When it happened. */
  at: Date;
  /** Now. */
  recordedAt: Date;
}

/**
 * Records events of hosts, in their order, in the transaction that makes the changes. The trigger `host_history` records
 * problems and upgrades, and `enroll-new-host.sql.ts` records `host_enrolled`; do not record these here.
 */
export async function recordHostEvents(
  tx: Pick<Prisma.TransactionClient, '$executeRaw'>,
  events: readonly NewHostEvent[],
): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map((event) => ({ ...event, from: event.from ?? undefined, to: event.to ?? undefined }));
  await tx.$executeRaw(Prisma.sql`
    INSERT INTO host_events (tx, id, "hostId", "organizationId", kind, "from", "to", at, "recordedAt")
    SELECT pg_current_xact_id()::text::bigint, nextval('container_events_id_seq'), e."hostId", e."organizationId", e.kind,
      e."from", e."to", e.at, e."recordedAt"
    FROM json_to_recordset(${JSON.stringify(rows)}::json) AS e (
      "hostId" uuid, "organizationId" text, kind text, "from" jsonb, "to" jsonb, at timestamptz,
      "recordedAt" timestamptz)`);
}
