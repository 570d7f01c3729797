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

/** What a host's freshness follows from. */
export interface HostSigns {
  lastSeenAt: Date | null;
  confirmedAt: Date | null;
  engineError: string | null;
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
export function hostFreshness(
  { lastSeenAt, confirmedAt, engineError }: HostSigns,
  context: FreshnessContext,
): Freshness {
  const agent = lastSeenAt === null ? 'offline' : bySilence(lastSeenAt, context);
  if (agent === 'online' && engineError !== null) return 'engine_down';
  return confirmedAt === null ? 'never' : agent;
}

/**
 * How current a host's containers are: judged by the last time that it confirmed them. An agent that beats while its
 * engine is dead makes nothing current.
 */
export function containersFreshness(host: HostSigns, context: FreshnessContext): Freshness {
  const freshness = hostFreshness(host, context);
  return host.confirmedAt === null || freshness === 'engine_down' ? freshness : bySilence(host.confirmedAt, context);
}
