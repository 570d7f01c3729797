import type { AgentProblem, Cadence, Freshness } from '@muster/contracts';

/** A host is online until it has missed this many heartbeats. */
const HEARTBEATS_MISSED_MAX = 3;

/** A stale host becomes offline after this many missed heartbeats, but not before `OFFLINE_AFTER_MS_MIN`. */
const HEARTBEATS_MISSED_OFFLINE = 10;

/** Minimum milliseconds without a call from a host before the host is offline. */
const OFFLINE_AFTER_MS_MIN = 5 * 60_000;

/**
 * Maximum milliseconds that an agent waits between two attempts to reach Muster, unless a response asks the agent to
 * wait longer (`SERVER_BACKOFF` of the agent).
 */
const RECONNECT_MS_MAX = 60_000;

/** A period in which Muster itself was down and could receive nothing. */
export interface Outage {
  startedAt: Date;
  endedAt: Date;
}

/** Everything that determines the freshness of a host at one instant, except the host's own activity. */
export interface FreshnessContext {
  now: Date;
  /** The current cadence, which also applies to hosts that have not received a cadence yet. */
  cadence: Cadence;
  /** All other heartbeat intervals, in seconds, that hosts last received. */
  otherHeartbeats: readonly number[];
  /** Muster's own outages, ordered by their start. */
  outages: readonly Outage[];
}

/** The facts of a host from which the freshness of its containers is derived. */
export interface HostActivity {
  lastSeenAt: Date | null;
  /** When the containers were last confirmed; null until a complete snapshot was applied. */
  confirmedAt: Date | null;
  engineError: string | null;
  /** When the agent left; null if it has not left. */
  leftAt: Date | null;
  /** The heartbeat interval that the host last received, in seconds. */
  heartbeatSeconds: number | null;
}

/** Returns how long a host with this heartbeat interval may be silent before it is stale and before it is offline. */
const limitsOf = (heartbeatSeconds: number) => ({
  graceMs: heartbeatSeconds * 1000 * HEARTBEATS_MISSED_MAX,
  offlineAfterMs: Math.max(OFFLINE_AFTER_MS_MIN, heartbeatSeconds * 1000 * HEARTBEATS_MISSED_OFFLINE),
});

/** Clamps an instant to `now`, because a process whose clock was ahead may have stored an instant in the future. */
export const clampToNow = (instant: Date, now: Date): Date => (instant > now ? now : instant);

/**
 * Returns the time by which agents should have reconnected after an outage, in milliseconds since 1970. The time from
 * the end of the outage until then is twice the duration of the outage, but at most `RECONNECT_MS_MAX`. An agent rarely
 * waits longer than twice the time for which its calls have failed.
 */
const reconnectedAt = ({ startedAt, endedAt }: Outage): number =>
  endedAt.getTime() + Math.min(RECONNECT_MS_MAX, Math.max(0, 2 * (endedAt.getTime() - startedAt.getTime())));

/**
 * Returns the milliseconds of silence since `lastSeenAt` that count against the host. During an outage, Muster receives
 * nothing. A host that was online when an outage began may again be silent for `graceMs` after `reconnectedAt`, because
 * agents retry with growing waits. For a host that was already silent, the outage is subtracted. Overlapping outages
 * count once, and the future part of an outage does not count. The result is negative while agents reconnect.
 */
function silenceMs(lastSeenAt: Date, graceMs: number, { now, outages }: FreshnessContext): number {
  // When the host was last online, not counting outages. The time to reconnect is not added: a host that never
  // reconnects would otherwise stay online if Muster restarts again and again.
  let onlineUntil = clampToNow(lastSeenAt, now).getTime();
  let countedFrom = onlineUntil;
  let countedUntil = -Infinity;
  for (const outage of outages) {
    const start = Math.max(outage.startedAt.getTime(), countedUntil);
    const end = Math.min(outage.endedAt.getTime(), now.getTime());
    if (end <= start) continue;
    countedUntil = end;
    if (start - onlineUntil <= graceMs) {
      onlineUntil = Math.max(onlineUntil, end);
      countedFrom = Math.max(countedFrom, reconnectedAt(outage));
    } else {
      onlineUntil += end - start;
      countedFrom += end - start;
    }
  }
  return now.getTime() - countedFrom;
}

function freshnessBySilence(
  lastSeenAt: Date,
  heartbeatSeconds: number | null,
  context: FreshnessContext,
): 'online' | 'stale' | 'offline' {
  const { graceMs, offlineAfterMs } = limitsOf(heartbeatSeconds ?? context.cadence.heartbeatSeconds);
  const silentMs = silenceMs(lastSeenAt, graceMs, context);
  if (silentMs >= offlineAfterMs) return 'offline';
  return silentMs > graceMs ? 'stale' : 'online';
}

/**
 * Returns when a host that has been silent since `lastSeenAt` became stale (the end of its grace period) and offline;
 * null for a state that the host had not reached by `context.now`. The instants are found by bisection, so that the
 * rule is implemented only once. Bisection is possible because a silent host never becomes online again, even after
 * outages.
 */
export function silenceInstants(
  lastSeenAt: Date,
  heartbeatSeconds: number,
  context: FreshnessContext,
): { staleAt: Date | null; offlineAt: Date | null } {
  const now = context.now.getTime();
  // Only outages whose `reconnectedAt` is after the last call can postpone these instants.
  const outages = context.outages.filter((outage) => reconnectedAt(outage) > lastSeenAt.getTime());
  const stateAt = (at: number) =>
    freshnessBySilence(lastSeenAt, heartbeatSeconds, { ...context, outages, now: new Date(at) });
  const findFirst = (holds: (state: string) => boolean): number | null => {
    if (lastSeenAt > context.now || !holds(stateAt(now))) return null;
    let [no, yes] = [lastSeenAt.getTime() - 1, now];
    while (yes - no > 1) {
      const middle = Math.floor((no + yes) / 2);
      if (holds(stateAt(middle))) yes = middle;
      else no = middle;
    }
    return yes;
  };
  const firstStale = findFirst((state) => state !== 'online');
  const firstOffline = firstStale === null ? null : findFirst((state) => state === 'offline');
  return {
    staleAt: firstStale === null ? null : new Date(firstStale - 1),
    offlineAt: firstOffline === null ? null : new Date(firstOffline),
  };
}

/** Returns the freshness of a host's agent: whether it is alive and can list its containers. */
function agentFreshness(
  { lastSeenAt, engineError, leftAt, heartbeatSeconds }: HostActivity,
  context: FreshnessContext,
): Exclude<Freshness, 'never'> {
  if (leftAt !== null) return 'left';
  const agent = lastSeenAt === null ? 'offline' : freshnessBySilence(lastSeenAt, heartbeatSeconds, context);
  return agent === 'online' && engineError !== null ? 'engine_down' : agent;
}

/**
 * Returns the freshness of a host. The freshness is `never` until a snapshot of the host, complete or incomplete, has
 * been applied. `observedAt` is the time of the last applied snapshot. If there is no snapshot because the engine's
 * list is refused, the host is `engine_down`, so that it does not look like a host whose agent has yet to start.
 */
export function hostFreshness(
  host: HostActivity & { observedAt: Date | null; agentProblems: unknown },
  context: FreshnessContext,
): Freshness {
  const agent = agentFreshness(host, context);
  if (agent === 'engine_down' || agent === 'left' || host.confirmedAt !== null || host.observedAt !== null)
    return agent;
  const isRefused = (host.agentProblems as AgentProblem[]).some(({ code }) => code === 'list_refused');
  return agent === 'online' && isRefused ? 'engine_down' : 'never';
}

/**
 * Returns the freshness of a host's containers, which depends on when the containers were last confirmed. Heartbeats of
 * an agent whose engine is down, and incomplete snapshots alone, confirm nothing. Call this function only for hosts
 * that have containers.
 */
export function containersFreshness(host: HostActivity, context: FreshnessContext): Freshness {
  const agent = agentFreshness(host, context);
  if (agent === 'engine_down' || agent === 'left') return agent;
  if (host.confirmedAt === null) return agent === 'online' ? 'stale' : agent;
  return freshnessBySilence(host.confirmedAt, host.heartbeatSeconds, context);
}

/**
 * A host that was last seen at `onlineFrom` or later is online. Otherwise, it is stale if it was last seen at
 * `staleFrom` or later, and offline if it was last seen earlier.
 */
export interface Cutoffs {
  onlineFrom: Date;
  staleFrom: Date;
}

/** The cutoffs for the current heartbeat interval, and for each other interval. */
export interface FreshnessCutoffs extends Cutoffs {
  others: readonly (Cutoffs & { heartbeatSeconds: number })[];
}

/**
 * Returns two instants per heartbeat interval that are equivalent to the rule of `freshnessBySilence`. With these
 * instants, one statement can determine the freshness of ten thousand hosts. Such instants exist because, of two hosts
 * with the same interval, the host that was seen later never has the longer silence, even after outages. The instants
 * are found by bisection, so that the rule is implemented only once.
 */
export function freshnessCutoffs(context: FreshnessContext): FreshnessCutoffs {
  return {
    ...cutoffsOf(context.cadence.heartbeatSeconds, context),
    others: context.otherHeartbeats.map((heartbeatSeconds) => ({
      heartbeatSeconds,
      ...cutoffsOf(heartbeatSeconds, context),
    })),
  };
}

function cutoffsOf(heartbeatSeconds: number, context: FreshnessContext): Cutoffs {
  const { graceMs, offlineAfterMs } = limitsOf(heartbeatSeconds);
  const outagesMs = context.outages.reduce(
    (sum, outage) => sum + Math.max(0, reconnectedAt(outage) - outage.startedAt.getTime()) + graceMs,
    0,
  );
  const now = context.now.getTime();
  const longAgo = now - offlineAfterMs - graceMs - outagesMs;
  const findCutoff = (holds: (lastSeenAt: Date) => boolean): Date => {
    let [no, yes] = [longAgo - 1, now];
    while (yes - no > 1) {
      const middle = Math.floor((no + yes) / 2);
      if (holds(new Date(middle))) yes = middle;
      else no = middle;
    }
    return new Date(yes);
  };
  return {
    onlineFrom: findCutoff((lastSeenAt) => freshnessBySilence(lastSeenAt, heartbeatSeconds, context) === 'online'),
    staleFrom: findCutoff((lastSeenAt) => freshnessBySilence(lastSeenAt, heartbeatSeconds, context) !== 'offline'),
  };
}
