import type { Availability, AvailabilityState, UnknownReason } from '@muster/contracts';
import type { Outages } from './outages.js';

/** A host event that changes the state of a host. */
export interface AvailabilityEvent {
  kind: 'host_enrolled' | 'host_stale' | 'host_offline' | 'host_back' | 'host_left' | 'engine_down' | 'engine_up';
  at: Date;
  /**
   * The start of the state that this event begins or ends: the last call before a silence, the departure of the agent,
   * or the time from which the engine was down. Null if unknown.
   */
  since: Date | null;
  /** The state of the host until this event; null if the host was online. */
  before: 'stale' | 'offline' | 'left' | null;
}

/** The current state of a host. It can be a few seconds newer than the host's recorded events. */
export interface CurrentHost {
  enrolledAt: Date;
  /**
   * When recording of the host's history began. Later than `enrolledAt` if an earlier version of Muster enrolled the
   * host. Null if unknown.
   */
  historyFrom: Date | null;
  /** When the first snapshot was applied; null if no snapshot was applied. */
  reportedFrom: Date | null;
  freshness: 'online' | 'stale' | 'offline' | 'never' | 'engine_down' | 'left';
  /**
   * Whether the agent could not reach its engine according to its last report, even if the agent has been silent since.
   */
  isEngineDown: boolean;
  lastSeenAt: Date | null;
  leftAt: Date | null;
  /** The recorded silence that has not ended, with the last call before it; null if there is no such silence. */
  recordedSilence: { from: Date; state: 'stale' | 'offline' } | null;
  /** The end of the host's last silence, if this end is not recorded yet; otherwise null. */
  aliveSince: Date | null;
}

/** A period in milliseconds since 1970. */
export interface Period {
  from: number;
  to: number;
  state: AvailabilityState;
  reason: UnknownReason | null;
}

/** Whether the agent was in contact: online, silent (`stale` or `offline`), or not known to be either (`unknown`). */
type Contact = Pick<Period, 'reason'> & { state: Exclude<AvailabilityState, 'engine_down'> };

const ONLINE: Contact = { state: 'online', reason: null };
const LEFT: Contact = { state: 'unknown', reason: 'left' };
const silentContact = (state: 'stale' | 'offline'): Contact => ({ state, reason: null });
const isSilent = ({ state }: Contact): boolean => state === 'stale' || state === 'offline';

/** A window in milliseconds since 1970. `historyFrom` is when the stored history begins. */
export interface Window {
  from: number;
  to: number;
  historyFrom: number;
}

/**
 * Returns the states of a host during a window as periods without gaps, oldest first. Ignores Muster's own outages.
 * `events` are the host's events since the beginning of the window, in the order in which they happened. The first
 * event of each kind also contains the host's state before the event, so no earlier event is needed. The events
 * `host_stale` and `host_offline` are needed only for a silence that is not `recordedSilence` and whose end no other
 * event shows.
 */
export function hostPeriods(window: Window, host: CurrentHost, events: readonly AvailabilityEvent[]): Period[] {
  const enrolledAt = host.enrolledAt.getTime();
  const historyFrom = Math.max(window.historyFrom, host.historyFrom?.getTime() ?? -Infinity);
  const timeline = new Timeline(window.from, window.to);
  if (enrolledAt < historyFrom) timeline.add(historyFrom, { state: 'unknown', reason: 'no_history' });
  timeline.add(enrolledAt, { state: 'unknown', reason: 'not_enrolled' });
  timeline.add(host.reportedFrom?.getTime() ?? window.to, { state: 'unknown', reason: 'no_report' });
  const downtimes = engineDowntimes(host, events);
  for (const { from, to, ...contact } of contactPeriods({ ...window, from: timeline.end }, host, events)) {
    if (contact.state === 'online') addOnline(timeline, from, to, downtimes);
    else timeline.add(to, contact);
  }
  return timeline.periods;
}

/** Returns the periods in which the agent was in contact, was silent, or had left. */
function contactPeriods(window: Window, host: CurrentHost, events: readonly AvailabilityEvent[]): (Contact & Span)[] {
  const spans: (Contact & Span)[] = [];
  let from = window.from;
  let contact: Contact | null = null;
  const change = (at: number, next: Contact, before: Contact): void => {
    const to = Math.min(Math.max(at, from), window.to);
    if (to > from) spans.push({ from, to, ...(contact ?? before) });
    from = to;
    contact = next;
  };
  for (const { kind, at, since, before } of events) {
    switch (kind) {
      case 'host_stale':
      case 'host_offline': {
        const next = silentContact(kind === 'host_stale' ? 'stale' : 'offline');
        // A silence has one state from beginning to end: if the host became offline in the end, the whole silence
        // counts as offline.
        if (contact !== null && isSilent(contact)) contact = next;
        else change((since ?? at).getTime(), next, ONLINE);
        break;
      }
      case 'host_enrolled':
      case 'host_left':
      case 'host_back': {
        const ended = before === null ? ONLINE : before === 'left' ? LEFT : silentContact(before);
        // The state that ends here may have begun before the window, or its beginning may not be recorded yet.
        if (before !== null && since !== null && (contact ?? ONLINE).state === 'online') {
          change(since.getTime(), ended, ONLINE);
        }
        change(at.getTime(), kind === 'host_left' ? LEFT : ONLINE, ended);
        break;
      }
      case 'engine_down':
      case 'engine_up':
        break;
    }
  }
  // The events of the last seconds may not be recorded yet.
  const current = currentContact(host);
  const { recordedSilence } = host;
  const unendedSilence = recordedSilence === null ? null : silentContact(recordedSilence.state);
  const silentFrom = recordedSilence?.from.getTime() ?? -Infinity;
  // A silence can begin with the call that ended the previous silence.
  if (unendedSilence !== null && (silentFrom > from || (silentFrom === from && contact === ONLINE))) {
    change(silentFrom, unendedSilence, ONLINE);
  }
  let last: Contact = contact ?? unendedSilence ?? current.contact;
  const aliveSince = host.aliveSince?.getTime() ?? -Infinity;
  if (isSilent(last) && isSilent(current.contact) && aliveSince > (contact === null ? -Infinity : from)) {
    // The host called after the recorded silence, and is silent again.
    change(aliveSince, ONLINE, last);
    last = ONLINE;
  }
  if (last.state !== current.contact.state || last.reason !== current.contact.reason) {
    if (isSilent(last) && isSilent(current.contact)) contact = current.contact;
    else change(current.since ?? window.to, current.contact, last);
  } else if (contact === null && current.since !== null && current.contact.state !== 'online') {
    change(current.since, current.contact, ONLINE);
  }
  change(window.to, current.contact, current.contact);
  return spans;
}

interface Span {
  from: number;
  to: number;
}

/** Returns the agent's current contact state, and when this state began. */
function currentContact({ freshness, lastSeenAt, leftAt, aliveSince }: CurrentHost): {
  contact: Contact;
  since: number | null;
} {
  if (freshness === 'left') return { contact: LEFT, since: leftAt?.getTime() ?? null };
  if (freshness === 'stale' || freshness === 'offline') {
    return { contact: silentContact(freshness), since: lastSeenAt?.getTime() ?? null };
  }
  return { contact: ONLINE, since: (aliveSince ?? lastSeenAt)?.getTime() ?? null };
}

/**
 * Returns the periods in which the agent could not reach its engine. The agent's last report takes precedence: if the
 * engine is not down now, a downtime without a recorded end is dropped.
 */
function engineDowntimes({ isEngineDown }: CurrentHost, events: readonly AvailabilityEvent[]): Span[] {
  const spans: Span[] = [];
  let downFrom: number | null = null;
  let isFirst = true;
  for (const { kind, at, since } of events) {
    if (kind !== 'engine_down' && kind !== 'engine_up') continue;
    if (kind === 'engine_down') downFrom ??= at.getTime();
    else {
      if (downFrom !== null || isFirst)
        spans.push({ from: downFrom ?? since?.getTime() ?? -Infinity, to: at.getTime() });
      downFrom = null;
    }
    isFirst = false;
  }
  if (isFirst) downFrom = -Infinity;
  if (isEngineDown && downFrom !== null) spans.push({ from: downFrom, to: Infinity });
  return spans;
}

function addOnline(timeline: Timeline, from: number, to: number, downtimes: readonly Span[]): void {
  for (const down of downtimes) {
    if (down.to <= from || down.from >= to) continue;
    timeline.add(down.from, ONLINE);
    timeline.add(Math.min(to, down.to), { state: 'engine_down', reason: null });
  }
  timeline.add(to, ONLINE);
}

/** Returns the periods with Muster's own outages marked as unknown. */
export function withOutages(periods: readonly Period[], outages: Outages): Period[] {
  const timeline = new Timeline(periods[0]?.from ?? 0, periods.at(-1)?.to ?? 0);
  for (const { from, to, ...state } of periods) {
    if (state.state !== 'unknown') {
      for (const outage of outages.within(from, to)) {
        timeline.add(outage.from, state);
        timeline.add(outage.to, { state: 'unknown', reason: 'muster_away' });
      }
    }
    timeline.add(to, state);
  }
  return timeline.periods;
}

/** Collects periods without gaps. Each period begins where the previous period ended. */
class Timeline {
  readonly periods: Period[] = [];

  constructor(
    /** The end of the last period. */
    public end: number,
    private readonly endMax: number,
  ) {}

  /** Adds a period that ends at `to`. Does nothing if `to` is not after the end of the last period. */
  add(to: number, state: Pick<Period, 'state' | 'reason'>): void {
    const until = Math.min(to, this.endMax);
    if (until <= this.end) return;
    const last = this.periods.at(-1);
    if (last?.state === state.state && last.reason === state.reason) last.to = until;
    else this.periods.push({ from: this.end, to: until, ...state });
    this.end = until;
  }
}

/** The milliseconds that hosts spent in each state. */
export type StateDurations = Record<AvailabilityState, number>;

export const noDurations = (): StateDurations => ({ online: 0, engine_down: 0, stale: 0, offline: 0, unknown: 0 });

/** Returns the total duration of each state. Muster's own outages count as unknown. */
export function durationsOf(periods: readonly Period[], outages: Outages): StateDurations {
  const durations = noDurations();
  for (const { from, to, state } of periods) {
    const away = state === 'unknown' ? 0 : outages.lengthWithin(from, to);
    durations[state] += to - from - away;
    durations.unknown += away;
  }
  return durations;
}

export function addDurations(durations: StateDurations, more: StateDurations): void {
  for (const state of Object.keys(more) as AvailabilityState[]) durations[state] += more[state];
}

export function toAvailability(durations: StateDurations): Availability {
  const known = durations.online + durations.engine_down + durations.stale + durations.offline;
  return {
    ratio: known === 0 ? null : durations.online / known,
    seconds: {
      online: durations.online / 1_000,
      engineDown: durations.engine_down / 1_000,
      stale: durations.stale / 1_000,
      offline: durations.offline / 1_000,
      unknown: durations.unknown / 1_000,
    },
  };
}

/** The states from worst to best. */
const WORST_FIRST: readonly AvailabilityState[] = ['offline', 'engine_down', 'stale', 'unknown', 'online'];

/**
 * Returns at most `periodsMax` periods. If there are more, the window is divided into parts of equal length, each with
 * the worst state that occurs in it.
 */
export function coalesce(periods: readonly Period[], periodsMax: number): Period[] {
  const [first, last] = [periods[0], periods.at(-1)];
  if (first === undefined || last === undefined || periods.length <= periodsMax) return [...periods];
  const partMs = (last.to - first.from) / periodsMax;
  const endOf = (part: number): number => Math.round(first.from + (part + 1) * partMs);
  const timeline = new Timeline(first.from, last.to);
  let worst: Period | null = null;
  let part = 0;
  for (const period of periods) {
    for (;;) {
      if (worst === null || WORST_FIRST.indexOf(period.state) < WORST_FIRST.indexOf(worst.state)) worst = period;
      if (period.to < endOf(part)) break;
      timeline.add(endOf(part), { state: worst.state, reason: worst.reason });
      part += 1;
      worst = null;
      if (period.to <= endOf(part - 1)) break;
    }
  }
  return timeline.periods;
}
