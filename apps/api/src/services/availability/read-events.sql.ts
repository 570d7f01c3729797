import type { Database, Statement } from '@muster/db';
import type { AvailabilityEvent } from './availability.js';

/** Maximum number of events per statement. */
const EVENTS_MAX = 5_000;

/** An event. `at` is in milliseconds since 1970, and `since` in RFC 3339. */
interface EventRow {
  hostId: string;
  kind: AvailabilityEvent['kind'];
  tx: string;
  id: string;
  at: number;
  since: string | null;
  before: string | null;
}

// `date_part` is cheaper than `extract`, which returns a numeric. Reading `since` as text is cheaper than converting it
// in SQL.
const COLUMNS = `e."hostId"::text AS "hostId", e.kind, e.tx::text AS tx, e.id::text AS id,
      date_part('epoch', e.at) * 1000 AS at, COALESCE(e."to" ->> 'since', e."from" ->> 'since') AS since,
      e."from" ->> 'state' AS before`;

/**
 * Reads the events of hosts since `$2`, one host after another, from the index `host_events_availability_idx`, which
 * contains only events of these kinds. For the first host, reads only the events after the position (`$3`, `$4`, `$5`).
 */
const READ_EVENTS: Statement = {
  name: 'read_availability_events',
  text: `
    SELECT ${COLUMNS}
    FROM unnest($1::uuid[]) WITH ORDINALITY AS host (id, place) CROSS JOIN LATERAL (
      SELECT * FROM host_events AS e
      WHERE e."hostId" = host.id
        AND e.kind IN ('host_enrolled', 'host_left', 'host_back', 'engine_down', 'engine_up')
        AND e.at >= CASE WHEN host.place = 1 THEN $3::timestamptz ELSE $2::timestamptz END
        AND (host.place > 1 OR (e.at, e.tx, e.id) > ($3::timestamptz, $4::bigint, $5::bigint))
      ORDER BY e.at, e.tx, e.id LIMIT ${EVENTS_MAX}
    ) AS e
    ORDER BY host.place, e.at, e.tx, e.id LIMIT ${EVENTS_MAX}`,
};

/** Reads the events of silences of hosts since an instant, by the primary key. */
const READ_SILENCES: Statement = {
  name: 'read_availability_silences',
  text: `
    SELECT ${COLUMNS} FROM host_events AS e
    WHERE e."hostId" = ANY ($1::uuid[]) AND e.kind IN ('host_stale', 'host_offline') AND e.at >= $2::timestamptz`,
};

/**
 * Returns whether an agent left, possibly after a silence that the event does not show. Silences are recorded later.
 */
const mayHideSilence = ({ kind, before }: EventRow): boolean => kind === 'host_left' && before === null;

/**
 * Reads the events since `from` that determine the availability of hosts, one host after another. The events of a host
 * are in the order in which they happened (`sortByHistory`). Omits hosts without such events. Reads the beginning of a
 * silence only if no other event contains it. A third of the events is then read, in a third of the time. At any time,
 * only the events of one statement and of one host are in memory.
 */
export async function* readEvents(
  db: Database,
  hostIds: readonly string[],
  from: Date,
): AsyncGenerator<{ hostId: string; events: AvailabilityEvent[] }> {
  let rows: EventRow[] = [];
  const silences = new Map<string, EventRow[]>();
  const takeHost = (hostId: string) => {
    const events = sortByHistory([...rows, ...(silences.get(hostId) ?? [])]);
    silences.delete(hostId);
    rows = [];
    return { hostId, events };
  };
  let remaining = hostIds;
  // Transaction ids are positive, so this position precedes all events at `from`.
  let after = { at: from, tx: '-1', id: '0' };
  for (;;) {
    const found = await db.query<EventRow>(READ_EVENTS, [remaining, from, after.at, after.tx, after.id]);
    const left = new Set(found.filter(mayHideSilence).map(({ hostId }) => hostId));
    if (left.size > 0) {
      for (const hostId of left) silences.set(hostId, []);
      for (const row of await db.query<EventRow>(READ_SILENCES, [[...left], from])) silences.get(row.hostId)!.push(row);
    }
    for (const row of found) {
      if (rows.length > 0 && row.hostId !== rows[0]!.hostId) yield takeHost(rows[0]!.hostId);
      rows.push(row);
    }
    const last = found.at(-1);
    if (last === undefined || found.length < EVENTS_MAX) break;
    remaining = remaining.slice(remaining.indexOf(last.hostId));
    after = { at: new Date(last.at), tx: last.tx, id: last.id };
  }
  if (rows.length > 0) yield takeHost(rows[0]!.hostId);
}

const byRecord = (a: EventRow, b: EventRow): number => Number(a.tx) - Number(b.tx) || Number(a.id) - Number(b.id);

const isEngineEvent = ({ kind }: EventRow): boolean => kind === 'engine_down' || kind === 'engine_up';

/**
 * Returns the events of a host in the order in which they happened. The beginning or end of a silence is recorded later
 * than it happens. An engine event is recorded when it happens, but its time comes from the clock of one of several
 * processes. If its time is later than that of the next engine event, that clock was ahead, and the event gets the time
 * of the next engine event.
 */
export function sortByHistory(rows: readonly EventRow[]): AvailabilityEvent[] {
  const isSorted = rows.every((row, index) => {
    const previous = rows[index - 1];
    return previous === undefined || (previous.at <= row.at && byRecord(previous, row) <= 0);
  });
  // Events are almost always in the right order already.
  if (isSorted) return rows.map(toEvent);
  const recorded = [...rows].sort(byRecord);
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

const SILENT_OR_LEFT_STATES: ReadonlySet<string> = new Set(['stale', 'offline', 'left']);

const toEvent = ({ kind, at, since, before }: EventRow): AvailabilityEvent => ({
  kind,
  at: new Date(at),
  since: since === null ? null : new Date(since),
  before: before !== null && SILENT_OR_LEFT_STATES.has(before) ? (before as AvailabilityEvent['before']) : null,
});
