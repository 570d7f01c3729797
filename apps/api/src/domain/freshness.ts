import type { Cadence, Freshness } from '@muster/contracts';

/** A host counts as online until this many heartbeats are missed. */
const HEARTBEATS_MISSED_MAX = 3;

/** Milliseconds of silence after which a stale host is offline. */
const OFFLINE_AFTER_MS = 5 * 60_000;

/** A stretch in which Muster itself was down and could hear nobody. */
export interface Outage {
  startedAt: Date;
  endedAt: Date;
}

/** What freshness is judged by, at one instant. */
export interface FreshnessContext {
  now: Date;
  cadence: Cadence;
  /** Muster's own outages, oldest first. */
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
}

/**
 * Milliseconds of silence since `heardAt` that are the host's own. While Muster was down nobody could be heard: a
 * host that was online when an outage began has its full grace again when it ends, and one that had already fallen
 * silent is as silent as it was, for an outage makes no one come back either.
 */
function silenceMs(heardAt: Date, { now, cadence, outages }: FreshnessContext): number {
  const graceMs = cadence.heartbeatSeconds * 1000 * HEARTBEATS_MISSED_MAX;
  let countedFrom = heardAt.getTime();
  for (const outage of outages) {
    const [start, end] = [outage.startedAt.getTime(), outage.endedAt.getTime()];
    if (end <= countedFrom) continue;
    countedFrom = start - countedFrom <= graceMs ? end : countedFrom + (end - start);
  }
  return now.getTime() - countedFrom;
}

function bySilence(heardAt: Date, context: FreshnessContext): 'online' | 'stale' | 'offline' {
  const silentMs = silenceMs(heardAt, context);
  if (silentMs >= OFFLINE_AFTER_MS) return 'offline';
  return silentMs > context.cadence.heartbeatSeconds * 1000 * HEARTBEATS_MISSED_MAX ? 'stale' : 'online';
}

/** Whether a host's agent lives, and whether it can list its containers. */
function agentFreshness(
  { lastSeenAt, engineError, leftAt }: HostSigns,
  context: FreshnessContext,
): Exclude<Freshness, 'never'> {
  if (leftAt !== null) return 'left';
  const agent = lastSeenAt === null ? 'offline' : bySilence(lastSeenAt, context);
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
  return bySilence(host.confirmedAt, context);
}

/** Since when an agent must have been heard: from `onlineFrom` it counts as online, from `staleFrom` as stale, before that as offline. */
export interface FreshnessCutoffs {
  onlineFrom: Date;
  staleFrom: Date;
}

/**
 * What `bySilence` says, as two instants, so that a statement can judge ten thousand hosts without reading them. They
 * exist because later signs never mean more silence, whatever outages lie between; and are found by halving, so that
 * the rule stands in one place.
 */
export function freshnessCutoffs(context: FreshnessContext): FreshnessCutoffs {
  const graceMs = context.cadence.heartbeatSeconds * 1000 * HEARTBEATS_MISSED_MAX;
  const outagesMs = context.outages.reduce((sum, { startedAt, endedAt }) => sum + (+endedAt - +startedAt) + graceMs, 0);
  const now = context.now.getTime();
  const longAgo = now - OFFLINE_AFTER_MS - graceMs - outagesMs;
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
    onlineFrom: firstAt((heardAt) => bySilence(heardAt, context) === 'online'),
    staleFrom: firstAt((heardAt) => bySilence(heardAt, context) !== 'offline'),
  };
}
