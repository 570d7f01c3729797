import type { Cadence, Freshness } from '@muster/contracts';

/** A host counts as online until this many heartbeats are missed. */
const HEARTBEATS_MISSED_MAX = 3;

/** A stale host is offline after this many missed heartbeats, and not before these milliseconds of silence. */
const HEARTBEATS_MISSED_OFFLINE = 10;
const OFFLINE_AFTER_MS_MIN = 5 * 60_000;

/** A stretch in which Muster itself was down and could hear nobody. */
export interface Outage {
  startedAt: Date;
  endedAt: Date;
}

/** What freshness is judged by, at one instant. */
export interface FreshnessContext {
  now: Date;
  /** By which hosts are judged that were given none yet. */
  cadence: Cadence;
  /** The other heartbeats, in seconds, that hosts were last given. */
  otherHeartbeats: readonly number[];
  /** Muster's own outages, in the order of their beginnings. */
  outages: readonly Outage[];
}

/** What the freshness of a host's containers follows from. */
export interface HostSigns {
  lastSeenAt: Date | null;
  /** Null until a complete snapshot was applied, though incomplete ones may have been. */
  confirmedAt: Date | null;
  engineError: string | null;
  /** When the agent left; null unless it did. */
  leftAt: Date | null;
  /** The heartbeat that the host was last given, in seconds. */
  heartbeatSeconds: number | null;
}

/** How long a host may be silent that was given this heartbeat. */
const limitsOf = (heartbeatSeconds: number) => ({
  graceMs: heartbeatSeconds * 1000 * HEARTBEATS_MISSED_MAX,
  offlineAfterMs: Math.max(OFFLINE_AFTER_MS_MIN, heartbeatSeconds * 1000 * HEARTBEATS_MISSED_OFFLINE),
});

/** An instant as it is believed: a clock that was ahead may have stored one that lies in the future. */
export const notAfter = (instant: Date, now: Date): Date => (instant > now ? now : instant);

/**
 * Milliseconds of silence since `heardAt` that are the host's own. While Muster was down nobody could be heard: a
 * host that was online when an outage began has its full grace again when it ends, and one that had already fallen
 * silent is as silent as it was, for an outage makes no one come back either. Nothing that lies in the future counts,
 * and what two outages share counts once.
 */
function silenceMs(heardAt: Date, graceMs: number, { now, outages }: FreshnessContext): number {
  let countedFrom = notAfter(heardAt, now).getTime();
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

function bySilence(
  heardAt: Date,
  heartbeatSeconds: number | null,
  context: FreshnessContext,
): 'online' | 'stale' | 'offline' {
  const { graceMs, offlineAfterMs } = limitsOf(heartbeatSeconds ?? context.cadence.heartbeatSeconds);
  const silentMs = silenceMs(heardAt, graceMs, context);
  if (silentMs >= offlineAfterMs) return 'offline';
  return silentMs > graceMs ? 'stale' : 'online';
}

/** Whether a host's agent lives, and whether it can list its containers. */
function agentFreshness(
  { lastSeenAt, engineError, leftAt, heartbeatSeconds }: HostSigns,
  context: FreshnessContext,
): Exclude<Freshness, 'never'> {
  if (leftAt !== null) return 'left';
  const agent = lastSeenAt === null ? 'offline' : bySilence(lastSeenAt, heartbeatSeconds, context);
  return agent === 'online' && engineError !== null ? 'engine_down' : agent;
}

/**
 * How current a host is: `never` before its first snapshot, complete or not, was applied; `observedAt` is when the
 * last one was observed.
 */
export function hostFreshness(host: HostSigns & { observedAt: Date | null }, context: FreshnessContext): Freshness {
  const agent = agentFreshness(host, context);
  return agent !== 'engine_down' && agent !== 'left' && host.confirmedAt === null && host.observedAt === null
    ? 'never'
    : agent;
}

/**
 * How current the containers of a host are, which has any: judged by the last time that it confirmed them. An agent
 * that beats while its engine is dead makes nothing current, nor does one that only ever sent incomplete snapshots.
 */
export function containersFreshness(host: HostSigns, context: FreshnessContext): Freshness {
  const agent = agentFreshness(host, context);
  if (agent === 'engine_down' || agent === 'left') return agent;
  if (host.confirmedAt === null) return agent === 'online' ? 'stale' : agent;
  return bySilence(host.confirmedAt, host.heartbeatSeconds, context);
}

/** Since when a host must have been seen: from `onlineFrom` it counts as online, from `staleFrom` as stale, before that as offline. */
export interface Cutoffs {
  onlineFrom: Date;
  staleFrom: Date;
}

/** The cutoffs of hosts without a heartbeat of their own, and of each other heartbeat that hosts have. */
export interface FreshnessCutoffs extends Cutoffs {
  others: readonly (Cutoffs & { heartbeatSeconds: number })[];
}

/**
 * What `bySilence` says, as two instants for each heartbeat, so that a statement can judge ten thousand hosts without
 * reading them. They exist because later signs never mean more silence, whatever outages lie between; and are found by
 * halving, so that the rule stands in one place.
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
  const firstAt = (holds: (heardAt: Date) => boolean): Date => {
    let [no, yes] = [longAgo - 1, now];
    while (yes - no > 1) {
      const middle = Math.floor((no + yes) / 2);
      if (holds(new Date(middle))) yes = middle;
      else no = middle;
    }
    return new Date(yes);
  };
  return {
    onlineFrom: firstAt((heardAt) => bySilence(heardAt, heartbeatSeconds, context) === 'online'),
    staleFrom: firstAt((heardAt) => bySilence(heardAt, heartbeatSeconds, context) !== 'offline'),
  };
}
