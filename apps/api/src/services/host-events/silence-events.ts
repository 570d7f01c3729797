import { type FreshnessContext, silenceInstants } from '../freshness/index.js';

/** A time between two calls of an agent in which it missed all of 3 heartbeats. */
export interface EndedSilence {
  /** The call before. */
  from: Date;
  /** The next call. */
  until: Date;
  /** The heartbeat interval during the silence. */
  heartbeatSeconds: number;
}

/** A silence for which `host_stale`, or both `host_stale` and `host_offline`, have been recorded. */
export interface RecordedSilence {
  from: Date;
  state: 'stale' | 'offline';
}

/** The columns of a host from which the events of its silences follow. */
export interface SilenceColumns {
  lastSeenAt: Date | null;
  /** The heartbeat interval that the host last received, in seconds. */
  heartbeatSeconds: number | null;
  leftAt: Date | null;
  /** Whether a snapshot was ever applied. Without one, the host is `never`, however silent it is. */
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
  /** In the order of their instants. */
  events: SilenceEvent[];
  /** The silences that end after `context.now`. */
  endedSilences: readonly EndedSilence[];
  recordedSilence: RecordedSilence | null;
}

/**
 * Returns the events of a host's silences until `context.now` that are not recorded yet. `context.now` must be an instant
 * at which Muster was up for certain, because an outage that began before could still turn out to cover the silence. The
 * events of all calls together are then the same, however often and whenever this is called.
 */
export function silenceEvents(host: SilenceColumns, context: FreshnessContext): SilenceOutcome {
  const { leftAt } = host;
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

  /** Ends the recorded silence, if there is one. An agent that only called to leave did not come back. */
  function addBack(at: Date): void {
    if (recorded !== null && (leftAt === null || at < leftAt)) {
      const { from, state } = recorded;
      const silentSeconds = Math.round((at.getTime() - from.getTime()) / 1000);
      events.push({ kind: 'host_back', from: { state, since: from.toISOString() }, to: { silentSeconds }, at });
    }
    recorded = null;
  }

  /** Ends a recorded silence whose end was not noted, at the latest call that is known to have followed. */
  function endEarlierSilence(lastSeenAt: Date): void {
    if (recorded !== null && recorded.from < lastSeenAt) addBack(lastSeenAt);
  }

  const ended = host.endedSilences.filter(({ until }) => until <= context.now);
  const remaining = host.endedSilences.slice(ended.length);
  for (const { from, until, heartbeatSeconds } of ended) {
    endEarlierSilence(from);
    addSilence(from, heartbeatSeconds, until);
    addBack(until);
  }
  const from = remaining[0]?.from ?? host.lastSeenAt;
  const heartbeatSeconds = remaining[0]?.heartbeatSeconds ?? host.heartbeatSeconds ?? context.cadence.heartbeatSeconds;
  if (leftAt !== null) recorded = null;
  else if (from !== null && from <= context.now && host.hasSnapshot) {
    endEarlierSilence(from);
    addSilence(from, heartbeatSeconds, context.now);
  }
  return { events, endedSilences: remaining, recordedSilence: recorded };
}
