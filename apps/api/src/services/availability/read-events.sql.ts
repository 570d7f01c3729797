import { Prisma, type Database } from '@muster/db';
import type { AvailabilityEvent } from './availability.js';

/** Maximum number of events per statement. */
const EVENTS_MAX = 5_000;

/** The kinds that are read from the whole history, because they are rare and decide what a host was before the window. */
const ENROLLMENT_KINDS = ['host_enrolled', 'host_left'] as const;

const KINDS: readonly AvailabilityEvent['kind'][] = [
  ...ENROLLMENT_KINDS,
  'host_stale',
  'host_offline',
  'host_back',
  'engine_down',
  'engine_up',
];

interface EventRow {
  tx: bigint;
  id: bigint;
  hostId: string;
  kind: AvailabilityEvent['kind'];
  at: Date;
  since: Date | null;
  before: string | null;
}

/**
 * Reads the events of hosts that decide their availability since `from`, one host after the other, ordered by the time
 * at which they happened. Hosts without such events are omitted. `hostIds` are in ascending order. At most one statement's
 * events and one host's events are in memory.
 */
export async function* readEvents(
  { prisma }: Database,
  hostIds: readonly string[],
  from: Date,
): AsyncGenerator<{ hostId: string; events: AvailabilityEvent[] }> {
  let hostId: string | null = null;
  let events: AvailabilityEvent[] = [];
  let after: EventRow | undefined;
  for (;;) {
    const position = after
      ? Prisma.sql`(e."hostId", e.tx, e.id) > (${after.hostId}::uuid, ${after.tx}::bigint, ${after.id}::bigint)`
      : Prisma.sql`TRUE`;
    const rows: EventRow[] = await prisma.$queryRaw<EventRow[]>(Prisma.sql`
      SELECT e.tx, e.id, e."hostId"::text AS "hostId", e.kind, e.at,
        (COALESCE(e."to" ->> 'since', e."from" ->> 'since'))::timestamptz AS since, e."from" ->> 'state' AS before
      FROM host_events AS e
      WHERE e."hostId" = ANY (${hostIds}::uuid[]) AND e.kind = ANY (${KINDS}::text[]) AND ${position}
        AND (e.at >= ${from}::timestamptz OR e.kind = ANY (${ENROLLMENT_KINDS}::text[]))
      ORDER BY e."hostId", e.tx, e.id LIMIT ${EVENTS_MAX}::int`);
    for (const row of rows) {
      if (hostId !== null && row.hostId !== hostId) {
        yield { hostId, events: byTime(events) };
        events = [];
      }
      hostId = row.hostId;
      events.push(toEvent(row));
    }
    after = rows.at(-1);
    if (rows.length < EVENTS_MAX) break;
  }
  if (hostId !== null) yield { hostId, events: byTime(events) };
}

const toEvent = ({ kind, at, since, before }: EventRow): AvailabilityEvent => ({
  kind,
  at,
  since,
  before: before === 'stale' || before === 'offline' ? before : null,
});

/** Sorts events by `at`. A silence is recorded later than it happened, so the order of recording differs. */
const byTime = (events: AvailabilityEvent[]): AvailabilityEvent[] =>
  events.sort((a, b) => a.at.getTime() - b.at.getTime());
