import type { Database, Statement } from '@muster/db';
import type { AvailabilityEvent } from './availability.js';

/** Maximum number of events per statement. */
const EVENTS_MAX = 5_000;

/** The kinds that decide the availability of a host. */
const KINDS: readonly AvailabilityEvent['kind'][] = [
  'host_enrolled',
  'host_left',
  'host_stale',
  'host_offline',
  'host_back',
  'engine_down',
  'engine_up',
];

/** An event, with times in milliseconds since 1970. */
interface EventRow {
  tx: string;
  id: string;
  hostId: string;
  kind: AvailabilityEvent['kind'];
  at: number;
  since: number | null;
  before: string | null;
}

/**
 * Reads the events of hosts by the primary key. Enrollments and departures are read from the whole history: they are rare,
 * and show whether the host had left before the window.
 */
const READ_EVENTS: Statement = {
  name: 'read_availability_events',
  text: `
    SELECT e.tx, e.id, e."hostId", e.kind, (extract(epoch FROM e.at) * 1000)::float8 AS at,
      (extract(epoch FROM CASE
        WHEN e.kind <> 'host_enrolled' THEN COALESCE(e."to" ->> 'since', e."from" ->> 'since')::timestamptz
        WHEN NOT COALESCE(e."to" ? 'again', FALSE) THEN e."recordedAt" END) * 1000)::float8 AS since,
      e."from" ->> 'state' AS before
    FROM host_events AS e
    WHERE e."hostId" = ANY ($1::uuid[]) AND e.kind = ANY ($2::text[])
      AND (e.at >= $3::timestamptz OR e.kind IN ('host_enrolled', 'host_left'))
      AND (e."hostId", e.tx, e.id) > ($4::uuid, $5::bigint, $6::bigint)
    ORDER BY e."hostId", e.tx, e.id LIMIT ${EVENTS_MAX}`,
};

const NO_HOST = '00000000-0000-0000-0000-000000000000';

/**
 * Reads the events that decide the availability of hosts since `from`, one host after the other, ordered by the time at
 * which they happened. Hosts without such events are omitted. `hostIds` are in ascending order. At most one statement's
 * events and one host's events are in memory.
 */
export async function* readEvents(
  db: Database,
  hostIds: readonly string[],
  from: Date,
): AsyncGenerator<{ hostId: string; events: AvailabilityEvent[] }> {
  let hostId: string | null = null;
  let events: AvailabilityEvent[] = [];
  let after = { hostId: NO_HOST, tx: '0', id: '0' };
  let rowCount = EVENTS_MAX;
  while (rowCount === EVENTS_MAX) {
    const { hostId: afterId } = after;
    const remaining = hostIds.filter((id) => id >= afterId);
    const rows = await db.query<EventRow>(READ_EVENTS, [remaining, KINDS, from, afterId, after.tx, after.id]);
    for (const row of rows) {
      if (hostId !== null && row.hostId !== hostId) {
        yield { hostId, events: byTime(events) };
        events = [];
      }
      hostId = row.hostId;
      events.push(toEvent(row));
    }
    after = rows.at(-1) ?? after;
    rowCount = rows.length;
  }
  if (hostId !== null) yield { hostId, events: byTime(events) };
}

const toEvent = ({ kind, at, since, before }: EventRow): AvailabilityEvent => ({
  kind,
  at: new Date(at),
  since: since === null ? null : new Date(since),
  before: before === 'stale' || before === 'offline' ? before : null,
});

/** Sorts events by `at`. A silence is recorded later than it happened, so the order of recording differs. */
const byTime = (events: AvailabilityEvent[]): AvailabilityEvent[] =>
  events.sort((a, b) => a.at.getTime() - b.at.getTime());
