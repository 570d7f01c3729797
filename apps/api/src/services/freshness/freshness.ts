import type { Cadence, Freshness } from '@muster/contracts';

/** A host is online until it has missed this many heartbeats. */
const HEARTBEATS_MISSED_MAX = 3;

/** A stale host is offline after this many missed heartbeats, and not before this many milliseconds. */
const HEARTBEATS_MISSED_OFFLINE = 10;
const OFFLINE_AFTER_MS_MIN = 5 * 60_000;

/** A period in which Muster itself was down and could receive nothing. */
export interface Outage {
  startedAt: Date;
  endedAt: Date;
}

/** The facts by which freshness is judged at one instant. */
export interface FreshnessContext {
  now: Date;
  /** The cadence for hosts that have not received one yet. */
  cadence: Cadence;
  /** All other heartbeat intervals, in seconds, that hosts last received. */
  otherHeartbeats: readonly number[];
  /** Muster's own outages, ordered by their start. */
  outages: readonly Outage[];
}

/** The facts of a host from which the freshness of its containers is derived. */
export interface HostActivity {
  lastSeenAt: Date | null;
  /** Null until a complete snapshot was applied; incomplete ones do not count. */
  confirmedAt: Date | null;
  engineError: string | null;
  /** When the agent left; null if it did not. */
  leftAt: Date | null;
  /** The heartbeat interval that the host last received, in seconds. */
  heartbeatSeconds: number | null;
}

/** Returns how long a host with this heartbeat interval may be silent. */
const limitsOf = (heartbeatSeconds: number) => ({
  graceMs: heartbeatSeconds * 1000 * HEARTBEATS_MISSED_MAX,
  offlineAfterMs: Math.max(OFFLINE_AFTER_MS_MIN, heartbeatSeconds * 1000 * HEARTBEATS_MISSED_OFFLINE),
});

/** Clamps an instant to `now`: a clock that was ahead may have stored one that lies in the future. */
export const clampToNow = (instant: Date, now: Date): Date => (instant > now ? now : instant);

/**
 * Returns the milliseconds of silence since `heardAt` that count against the host. During an outage Muster receives
 * nothing: a host that was online when the outage began gets its full grace period again at its end. A host that was
 * already silent stays as silent as it was: the outage is subtracted. Overlapping outages count once, and the future
 * part of an outage not at all.
 */
function silenceMs(lastSeenAt: Date, graceMs: number, { now, outages }: FreshnessContext): number {
  let countedFrom = clampToNow(lastSeenAt, now).getTime();
  let counted = -Infinity;
  for (const outage of outages) {
    const start = Math.max(outage.startedAt.getTime(), counted);
    const end = Math.min(outage.endedAt.getTime(), now.getTime());
    if (end <= start) continue;
    counted = end;
    if (end <= countedFrom) continue;
    countedFrom = start - countedFrom <= graceMs ? end : countedFrom + (end - start);
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

/** Judges whether a host's agent is alive and whether it can list its containers. */
function agentFreshness(
  { lastSeenAt, engineError, leftAt, heartbeatSeconds }: HostActivity,
  context: FreshnessContext,
): Exclude<Freshness, 'never'> {
  if (leftAt !== null) return 'left';
  const agent = lastSeenAt === null ? 'offline' : freshnessBySilence(lastSeenAt, heartbeatSeconds, context);
  return agent === 'online' && engineError !== null ? 'engine_down' : agent;
}

/**
 * Judges how current a host is. It is `never` before its first snapshot was applied, complete or not; `observedAt` is
 * the time of the last one.
 */
export function hostFreshness(host: HostActivity & { observedAt: Date | null }, context: FreshnessContext): Freshness {
  const agent = agentFreshness(host, context);
  return agent !== 'engine_down' && agent !== 'left' && host.confirmedAt === null && host.observedAt === null
    ? 'never'
    : agent;
}

/**
 * Judges how current a host's containers are, by their last confirmation. Heartbeats of an agent whose engine is down,
 * or incomplete snapshots alone, confirm nothing. Meant for hosts that have containers.
 */
export function containersFreshness(host: HostActivity, context: FreshnessContext): Freshness {
  const agent = agentFreshness(host, context);
  if (agent === 'engine_down' || agent === 'left') return agent;
  if (host.confirmedAt === null) return agent === 'online' ? 'stale' : agent;
  return freshnessBySilence(host.confirmedAt, host.heartbeatSeconds, context);
}

/** A host seen at `onlineFrom` or later is online, at `staleFrom` or later stale, and offline before that. */
export interface Cutoffs {
  onlineFrom: Date;
  staleFrom: Date;
}

/** The cutoffs of hosts with the default heartbeat interval, and of each other interval. */
export interface FreshnessCutoffs extends Cutoffs {
  others: readonly (Cutoffs & { heartbeatSeconds: number })[];
}

/**
 * Returns the rule of `freshnessBySilence` as two instants per heartbeat interval, so that one statement can judge ten thousand
 * hosts. Such instants exist because being seen later never means more silence, regardless of outages. They are found by
 * bisection, so that the rule is implemented only once.
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
    (sum, { startedAt, endedAt }) => sum + Math.max(0, +endedAt - +startedAt) + graceMs,
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
