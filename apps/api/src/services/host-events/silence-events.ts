import { type FreshnessContext, silenceInstants } from '../freshness/index.js';

/** A period between two calls of an agent in which the agent missed at least 3 heartbeats. */
export interface EndedSilence {
  /** The last call before the silence. */
  from: Date;
  /** The first call after the silence. */
  until: Date;
  /** The heartbeat interval during the silence. */
  heartbeatSeconds: number;
  /** Whether the agent called only to leave, so that the host did not come back. */
  left?: boolean;
}

/** A silence for which `host_stale`, or both `host_stale` and `host_offline`, have been recorded. */
export interface RecordedSilence {
  from: Date;
  state: 'stale' | 'offline';
}

/** The columns of a host from which the events of its silences are derived. */
export interface SilenceColumns {
  lastSeenAt: Date | null;
  /** The heartbeat interval that the host last received, in seconds. */
  heartbeatSeconds: number | null;
  leftAt: Date | null;
  /** Whether a snapshot was ever applied. If not, the host's freshness is `never`, regardless of its silence. */
  hasSnapshot: boolean;
  /** The silences that ended and are not recorded yet, oldest first. */
  endedSilences: readonly EndedSilence[];
  recordedSilence: RecordedSilence | null;
}

export interface SilenceEvent {
  kind: 'host_stale' | 'host_offline' | 'host_back';
  from: { state: 'stale' | 'offline'; since: string } | null;
  to: { since: string } | { silentSeconds: number };
  at: Date;
}

export interface SilenceOutcome {
  /** The events to record, in the order in which they happened. */
  events: SilenceEvent[];
  /** The silences that end after `context.now`. */
  endedSilences: readonly EndedSilence[];
  recordedSilence: RecordedSilence | null;
}

/**
 * A stored call time may be at most this many milliseconds ahead of the clock of the process that reads the host. If it
 * is further ahead, the clock of the process that received the call was ahead.
 */
const AHEAD_MS_MAX = 1_000;

/** `readAt` is when the host was read. `now` is an earlier instant, up to which events are known. */
type SilenceContext = FreshnessContext & { readAt: Date };

/**
 * Returns the events of a host's silences until `context.now` that are not recorded yet. `context.now` must be an
 * instant at which Muster was certainly up. Otherwise, an outage that began before this instant could later turn out to
 * cover the silence. Under this condition, repeated calls together return the same events, regardless of how often and
 * when they are made. Drops a silence that ends in the future, because it comes from a clock that was ahead.
 */
export function silenceEvents(host: SilenceColumns, context: SilenceContext): SilenceOutcome {
  const events: SilenceEvent[] = [];
  let recorded = host.recordedSilence;

  /** Adds the events of a silence up to an instant. */
  function addSilence(from: Date, heartbeatSeconds: number, until: Date): void {
    const { staleAt, offlineAt } = silenceInstants(from, heartbeatSeconds, { ...context, now: until });
    const to = { since: from.toISOString() };
    if (staleAt !== null && recorded === null) {
      events.push({ kind: 'host_stale', from: null, to, at: staleAt });
      recorded = { from, state: 'stale' };
    }
    if (offlineAt !== null && recorded?.state === 'stale') {
      events.push({ kind: 'host_offline', from: null, to, at: offlineAt });
      recorded = { from, state: 'offline' };
    }
  }

  /** Ends the recorded silence, if there is one. */
  function addBack(at: Date): void {
    if (recorded !== null) {
      const { from, state } = recorded;
      const silentSeconds = Math.round((at.getTime() - from.getTime()) / 1000);
      events.push({ kind: 'host_back', from: { state, since: from.toISOString() }, to: { silentSeconds }, at });
    }
    recorded = null;
  }

  /**
   * Ends a recorded silence whose end is not in `endedSilences`. The latest known call after the silence counts as its
   * end.
   */
  function endEarlierSilence(lastSeenAt: Date): void {
    if (recorded !== null && recorded.from < lastSeenAt) addBack(lastSeenAt);
  }

  const latest = new Date(context.readAt.getTime() + AHEAD_MS_MAX);
  const silences = host.endedSilences.filter(({ until }) => until <= latest);
  const ended = silences.filter(({ until }) => until <= context.now);
  const remaining = silences.slice(ended.length);
  for (const { from, until, heartbeatSeconds, left = false } of ended) {
    endEarlierSilence(from);
    addSilence(from, heartbeatSeconds, until);
    if (left) recorded = null;
    else addBack(until);
  }
  const from = remaining[0]?.from ?? host.lastSeenAt;
  const heartbeatSeconds = remaining[0]?.heartbeatSeconds ?? host.heartbeatSeconds ?? context.cadence.heartbeatSeconds;
  if (host.leftAt !== null && host.leftAt <= context.now) {
    // If a silence remains that ends later, the recorded silence is part of that silence and stays.
    if (remaining.length === 0) recorded = null;
  } else if (from !== null && from <= context.now && host.hasSnapshot) {
    endEarlierSilence(from);
    addSilence(from, heartbeatSeconds, context.now);
  }
  return { events, endedSilences: remaining, recordedSilence: recorded };
}
