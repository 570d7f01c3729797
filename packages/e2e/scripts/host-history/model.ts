/**
 * Predicts the history of a host from the calls of its agent that Muster answered, and from the downtimes of Muster.
 * The rules are those of docs/hosts.md and ADR 5. The model simulates each silence in small time steps, and shares no
 * code with the API. All instants are milliseconds since 1970.
 */
import type { AvailabilitySeconds, EnrollRequest, HostEventKind } from '@muster/contracts';

/** A call that Muster answered with success. Muster received it between `sentAt` and `answeredAt`. */
export interface AgentCall {
  kind: 'enroll' | 'snapshot' | 'heartbeat';
  sentAt: number;
  answeredAt: number;
  /** What the call said about the machine. */
  machine: {
    name?: string | undefined;
    engineId?: string | undefined;
    agentVersion?: string;
    engine?: EnrollRequest['engine'];
  };
}

export interface Downtime {
  from: number;
  until: number;
}

export interface PredictedEvent {
  kind: HostEventKind;
  at: number;
  from: object | null;
  to: object | null;
}

export interface Prediction {
  events: PredictedEvent[];
  seconds: AvailabilitySeconds;
}

export interface PredictionOptions {
  heartbeatMs: number;
  downtimes: readonly Downtime[];
  /** The time of the prediction, and the end of the window for which the availability is predicted. */
  until: number;
  /** Added to each limit of a silence. Predictions with different shifts show whether a silence is close to a limit. */
  shiftMs: number;
}

const WINDOW_MS = 24 * 3_600_000;
const HEARTBEATS_MISSED_STALE = 3;
const HEARTBEATS_MISSED_OFFLINE = 10;
const OFFLINE_MS_MIN = 300_000;
const RECONNECT_MS_MAX = 60_000;
const STEP_MS = 100;

/** Returns the end of the time that agents have to reconnect after a downtime. */
export const reconnectUntil = ({ from, until }: Downtime): number =>
  until + Math.min(RECONNECT_MS_MAX, 2 * (until - from));

/** Predicts the events and the availability of a host. `calls` begin with its enrollment. */
export function predict(calls: readonly AgentCall[], options: PredictionOptions): Prediction {
  const { until, downtimes } = options;
  const events = predictChanges(calls);
  let [stale, offline] = [0, 0];
  const firstSnapshot = calls.findIndex(({ kind }) => kind === 'snapshot');
  for (let index = firstSnapshot; index < calls.length; index++) {
    const since = calls[index]!.answeredAt;
    const end = calls[index + 1]?.answeredAt ?? until;
    const { staleAt, offlineAt } = walkThroughSilence(since, end, options);
    if (staleAt === null) continue;
    events.push({ kind: 'host_stale', at: staleAt, from: null, to: { since } });
    if (offlineAt !== null) events.push({ kind: 'host_offline', at: offlineAt, from: null, to: { since } });
    const state = offlineAt === null ? 'stale' : 'offline';
    if (index + 1 < calls.length) {
      const silentSeconds = (end - since) / 1_000;
      events.push({ kind: 'host_back', at: end, from: { state, since }, to: { silentSeconds } });
    }
    const silentMs = end - since - downMs(since, end, downtimes);
    if (state === 'stale') stale += silentMs;
    else offline += silentMs;
  }
  const reporting = calls[firstSnapshot]?.answeredAt ?? until;
  const known = until - reporting - downMs(reporting, until, downtimes);
  const inMs = { online: known - stale - offline, engineDown: 0, stale, offline, unknown: WINDOW_MS - known };
  return { events, seconds: mapValues(inMs, (ms) => ms / 1_000) };
}

/** Returns the events that follow from what the agent reported: enrollments, upgrades and renames. */
function predictChanges(calls: readonly AgentCall[]): PredictedEvent[] {
  const events: PredictedEvent[] = [];
  const known: AgentCall['machine'] = {};
  for (const { kind, answeredAt: at, machine } of calls) {
    const { name, engineId, agentVersion, engine } = machine;
    const add = (event: HostEventKind, from: object | null, to: object) => events.push({ kind: event, at, from, to });
    if (kind === 'enroll') {
      add('host_enrolled', null, { name, engineId });
    } else {
      if (name !== undefined && name !== known.name) add('host_renamed', { name: known.name }, { name });
      if (agentVersion !== undefined && agentVersion !== known.agentVersion)
        add('agent_upgraded', { version: known.agentVersion }, { version: agentVersion });
      if (engine !== undefined && engine.version !== known.engine?.version)
        add('engine_upgraded', nameAndVersion(known.engine!), nameAndVersion(engine));
    }
    Object.assign(known, machine);
  }
  return events;
}

const nameAndVersion = ({ name, version }: EnrollRequest['engine']) => ({ name, version });

/** Returns when a host that was silent from `since` until `end` became stale and when it became offline, or null. */
function walkThroughSilence(since: number, end: number, { heartbeatMs, downtimes, shiftMs }: PredictionOptions) {
  const graceMs = HEARTBEATS_MISSED_STALE * heartbeatMs + shiftMs;
  const offlineMs = Math.max(OFFLINE_MS_MIN, HEARTBEATS_MISSED_OFFLINE * heartbeatMs) + shiftMs;
  const silence: { staleAt: number | null; offlineAt: number | null } = { staleAt: null, offlineAt: null };
  if (end - since <= graceMs) return silence;
  let countedMs = 0;
  for (let at = since; at < end && silence.offlineAt === null; at += STEP_MS) {
    if (downtimes.some(({ from, until }) => from <= at && at < until)) {
      // If the host was online when Muster went down, its grace period starts again after the downtime.
      if (silence.staleAt === null) countedMs = 0;
      continue;
    }
    const isReconnecting = downtimes.some((downtime) => downtime.until <= at && at < reconnectUntil(downtime));
    if (isReconnecting && silence.staleAt === null) continue;
    countedMs += STEP_MS;
    if (countedMs > graceMs) silence.staleAt ??= at;
    if (countedMs > offlineMs) silence.offlineAt = at;
  }
  return silence;
}

/** Returns how long Muster was down in a period. */
const downMs = (from: number, until: number, downtimes: readonly Downtime[]): number =>
  downtimes.reduce((sum, down) => sum + Math.max(0, Math.min(until, down.until) - Math.max(from, down.from)), 0);

const mapValues = <K extends string>(values: Record<K, number>, map: (value: number) => number): Record<K, number> =>
  Object.fromEntries(Object.entries<number>(values).map(([key, value]) => [key, map(value)])) as Record<K, number>;
