import type { Database, Statement } from '@muster/db';
import type { AvailabilityEvent } from './availability.js';

/** Maximum number of events per statement. */
const EVENTS_MAX = 5_000;

/** An event, with times in milliseconds since 1970. */
interface EventRow {
  hostId: string;
  kind: AvailabilityEvent['kind'];
  tx: string;
  id: string;
  at: number;
  since: number | null;
  before: string | null;
}

/**
 * Reads the events of hosts since an instant, one host after the other, by the index `host_events_availability_idx`, which
 * contains only these kinds. The first host is read from the position after `$3`, `$4` and `$5`.
 */
const READ_EVENTS: Statement = {
  name: 'read_availability_events',
  text: `
    SELECT host.id::text AS "hostId", e.kind, e.tx::text AS tx, e.id::text AS id,
      (extract(epoch FROM e.at) * 1000)::float8 AS at,
      (extract(epoch FROM COALESCE(e."to" ->> 'since', e."from" ->> 'since')::timestamptz) * 1000)::float8 AS since,
      e."from" ->> 'state' AS before
    FROM unnest($1::uuid[]) WITH ORDINALITY AS host (id, place) CROSS JOIN LATERAL (
      SELECT * FROM host_events AS e
      WHERE e."hostId" = host.id
        AND e.kind IN (
          'host_enrolled', 'host_left', 'host_stale', 'host_offline', 'host_back', 'engine_down', 'engine_up')
        AND e.at >= CASE WHEN host.place = 1 THEN $3::timestamptz ELSE $2::timestamptz END
        AND (host.place > 1 OR (e.at, e.tx, e.id) > ($3::timestamptz, $4::bigint, $5::bigint))
      ORDER BY e.at, e.tx, e.id LIMIT ${EVENTS_MAX}
    ) AS e
    ORDER BY host.place, e.at, e.tx, e.id LIMIT ${EVENTS_MAX}`,
};

/**
 * Reads the events that decide the availability of hosts since `from`, one host after the other, in their order
 * (`sortByHistory`). Hosts without such events are omitted. At most one statement's events and one host's events are in memory.
 */
export async function* readEvents(
  db: Database,
  hostIds: readonly string[],
  from: Date,
): AsyncGenerator<{ hostId: string; events: AvailabilityEvent[] }> {
  let rows: EventRow[] = [];
  let remaining = hostIds;
  // Transactions have positive ids.
  let after = { at: from, tx: '-1', id: '0' };
  for (;;) {
    const found = await db.query<EventRow>(READ_EVENTS, [remaining, from, after.at, after.tx, after.id]);
    for (const row of found) {
      if (rows.length > 0 && row.hostId !== rows[0]!.hostId) {
        yield { hostId: rows[0]!.hostId, events: sortByHistory(rows) };
        rows = [];
      }
      rows.push(row);
    }
    const last = found.at(-1);
    if (last === undefined || found.length < EVENTS_MAX) break;
    remaining = remaining.slice(remaining.indexOf(last.hostId));
    after = { at: new Date(last.at), tx: last.tx, id: last.id };
  }
  if (rows.length > 0) yield { hostId: rows[0]!.hostId, events: sortByHistory(rows) };
}

const isEngineEvent = ({ kind }: EventRow): boolean => kind === 'engine_down' || kind === 'engine_up';

/**
 * Returns the events of a host in the order in which they happened. A silence is recorded later than it happened. An engine
 * event is recorded when it happens, but by the clock of one of several processes: if it is later than the next one, its
 * process's clock was ahead, and it has the time of the next one.
 */
export function sortByHistory(rows: readonly EventRow[]): AvailabilityEvent[] {
  const recorded = [...rows].sort((a, b) => Number(a.tx) - Number(b.tx) || Number(a.id) - Number(b.id));
  let next = Infinity;
  const corrected = recorded
    .reverse()
    .map((row) => {
      if (!isEngineEvent(row)) return row;
      next = Math.min(next, row.at);
      return { ...row, at: next };
    })
    .reverse();
  return corrected.sort((a, b) => a.at - b.at).map(toEvent);
}

const STATES: ReadonlySet<string> = new Set(['stale', 'offline', 'left']);

const toEvent = ({ kind, at, since, before }: EventRow): AvailabilityEvent => ({
  kind,
  at: new Date(at),
  since: since === null ? null : new Date(since),
  before: before !== null && STATES.has(before) ? (before as AvailabilityEvent['before']) : null,
});
