import type { ContainerExit } from '@muster/contracts';
import type { Logger } from 'pino';
import type { EngineClient } from './client.js';
import { EngineError } from './errors.js';
import { decideExit, type EngineRecord, type ExitEvent, type LastRun } from './exit-reason.js';
import type { EngineEvent } from './shapes.js';

/**
 * Maximum number of events that are kept for each container. A stop has at most four events: two kills, a die and a
 * stop.
 */
const EVENTS_MAX = 8;

/** Maximum number of periods of unreachability that are kept. */
const ABSENCES_MAX = 20;

/**
 * Maximum number of containers whose events are kept. If there are more, the containers with the oldest events are
 * dropped.
 */
const CONTAINERS_MAX = 10_000;

/** How far back events are read after the start of the agent, in milliseconds. */
export const PAST_PERIOD_MS_MAX = 3_600_000;

/** Recent events of an engine that show why containers exited. */
export interface ExitHistory {
  /**
   * Records an event. Returns true if the event arrived after its container had exited, because such an event can
   * change the reported reason. Other actions and repeated events are ignored.
   */
  record(event: EngineEvent): boolean;
  /** Makes `pastEventsRecorded` wait for this promise, which resolves when past events have been recorded. */
  waitFor(reading: Promise<void>): void;
  /** Resolves when no past events are being read. */
  pastEventsRecorded(): Promise<void>;
  /** Decides why a container exited (see `decideExit`). */
  decide(id: string, run: LastRun): ContainerExit | null;
  /**
   * Drops the events of containers that are missing from two successive lists. One list is not enough, because it may
   * be older than the events of a new container.
   */
  keepOnly(ids: ReadonlySet<string>): void;
  /** Records the name of the engine. Until then, it is unknown whether the engine reports stops. */
  setEngineName(name: string): void;
  /** Records a period in which the engine could not be reached, in milliseconds since 1970. */
  recordAbsence(fromMs: number, toMs: number): void;
}

/** Creates an empty history. */
export function createExitHistory(): ExitHistory {
  const eventsById = new Map<string, ExitEvent[]>();
  /** The containers that were missing from the last list. */
  let absentBefore: ReadonlySet<string> = new Set();
  let pastEvents = Promise.resolve();
  let engine: EngineRecord = { reportsStops: false, absences: [] };

  return {
    record(engineEvent) {
      const event = toExitEvent(engineEvent);
      if (event === null) return false;
      const { ID } = engineEvent.Actor;
      const known = eventsById.get(ID) ?? [];
      if (known.some(({ action, atMs }) => action === event.action && atMs === event.atMs)) return false;
      const isLate = event.action !== 'die' && known.at(-1)?.action === 'die';
      // Moves the container to the end of the map, so that the map is ordered by the time of the last event.
      eventsById.delete(ID);
      eventsById.set(ID, keepRecent([...known, event].sort((a, b) => a.atMs - b.atMs)));
      if (eventsById.size > CONTAINERS_MAX) eventsById.delete(eventsById.keys().next().value!);
      return isLate;
    },
    waitFor(reading) {
      pastEvents = reading;
    },
    pastEventsRecorded: () => pastEvents,
    decide: (id, run) => decideExit(run, eventsById.get(id) ?? [], engine),
    keepOnly(ids) {
      const absentIds = new Set([...eventsById.keys()].filter((id) => !ids.has(id)));
      for (const id of absentIds) if (absentBefore.has(id)) eventsById.delete(id);
      absentBefore = absentIds;
    },
    setEngineName(name) {
      engine = { ...engine, reportsStops: name === 'Docker' };
    },
    recordAbsence(fromMs, toMs) {
      engine = { ...engine, absences: [...engine.absences, { fromMs, toMs }].slice(-ABSENCES_MAX) };
    },
  };
}

/**
 * Drops the oldest events if there are too many, but never the last `oom`. `events` are in the order of their times.
 */
function keepRecent(events: ExitEvent[]): ExitEvent[] {
  if (events.length <= EVENTS_MAX) return events;
  const lastOom = events.findLast(({ action }) => action === 'oom');
  const dropped = events.find((event) => event !== lastOom);
  return events.filter((event) => event !== dropped);
}

/**
 * Records the events of a past period, in milliseconds since 1970. If the events cannot be read, for example because a
 * proxy refuses the request, the reasons of the exits in this period remain unknown.
 */
export async function recordPastEvents(
  engine: Pick<EngineClient, 'readPastEvents'>,
  history: Pick<ExitHistory, 'record'>,
  period: { fromMs: number; toMs: number },
  log: Pick<Logger, 'debug'>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (const event of await engine.readPastEvents(period, signal)) history.record(event);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof EngineError)) throw error;
    log.debug({ reason: error.message }, 'cannot read the past events of the engine');
  }
}

/** Returns null for events with other actions. */
function toExitEvent({ Action, Actor, time, timeNano }: EngineEvent): ExitEvent | null {
  const action = Action === 'died' ? 'die' : Action;
  if (action !== 'kill' && action !== 'stop' && action !== 'die' && action !== 'oom') return null;
  const atMs = timeNano > 0 ? timeNano / 1e6 : time * 1_000;
  return { action, atMs, signal: Actor.Attributes.signal ?? null };
}
