import { createYielder } from '../../lib/yielder.js';
import type { EventDraft } from './container-changes.js';
import {
  advanceLoop,
  LOOP_MS,
  NO_EXITS,
  toExitReports,
  type LoopChange,
  type LoopState,
  type ExitReport,
  type OpenLoop,
  type ReportTimes,
} from './container-loops.js';

/** The states of a host's containers by `dockerId`. Containers without recent exits are missing. */
export type LoopStates = ReadonlyMap<string, LoopState>;

/** The effect of a snapshot on the loops of its host. */
export interface FoldedLoops {
  /** The events to record: the loops that have ended, and all events except those that recur in a loop. */
  events: EventDraft[];
  /** The rows whose state changes, by `dockerId`. */
  changes: ReadonlyMap<string, LoopChange>;
  /** Whether the result depends on `isContinuous`. */
  dependsOnContinuity: boolean;
}

/** Returns the events that a snapshot records if there are no loops. */
export const withoutLoops = (events: EventDraft[]): FoldedLoops => ({
  events,
  changes: new Map(),
  dependsOnContinuity: false,
});

/**
 * Counts the exits of a snapshot, and replaces the recurring events of looping containers. If `foldsLoops` is false,
 * the only effect is that the loops of removed containers end.
 */
export async function foldLoops(
  events: EventDraft[],
  states: LoopStates,
  { foldsLoops, ...times }: ReportTimes & { foldsLoops: boolean },
): Promise<FoldedLoops> {
  const reports = toExitReports(events).filter(({ removed }) => removed || foldsLoops);
  if (reports.length === 0) return withoutLoops(events);
  const yielder = createYielder();
  const changes = new Map<string, LoopChange>();
  const ended = new Map<string, OpenLoop>();
  const folded = new Set<string>();
  for (const report of reports) {
    const { dockerId } = report;
    const change = advanceLoop(states.get(dockerId) ?? NO_EXITS, report, times);
    if (change.state !== null && !report.removed) changes.set(dockerId, change);
    if (change.ended !== null) ended.set(dockerId, change.ended);
    if (change.isFolded) folded.add(dockerId);
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
  }
  const others =
    folded.size === 0 ? events : events.filter(({ dockerId, inLoop }) => !(inLoop && folded.has(dockerId)));
  return {
    events: ended.size === 0 ? others : [...loopingEvents(events, ended), ...others],
    changes,
    dependsOnContinuity: reports.some(hasSeveralExits),
  };
}

const hasSeveralExits = ({ exits }: ExitReport): boolean => exits !== null && exits > 1;

/**
 * Returns one event for each loop that has ended. The event's name and workload are those of the container's other
 * events.
 */
function loopingEvents(events: readonly EventDraft[], ended: ReadonlyMap<string, OpenLoop>): EventDraft[] {
  const others = new Map(events.map((event) => [event.dockerId, event]));
  return [...ended].map(([dockerId, { count, first, last, codes, from, to, exitCode, exitReason }]) => {
    const { name, workloadKind, project, service, instance } = others.get(dockerId)!;
    const workload = { workloadKind, project, service, instance };
    const exits = { count, first, last, codes };
    return { dockerId, name, kind: 'looping', from, to, exitCode, exitReason, ...workload, image: null, exits };
  });
}

/** Returns the states after a snapshot. States without recent exits are left out. */
export function statesAfter(
  states: LoopStates,
  changes: FoldedLoops['changes'],
  { removals, observedAt }: { removals: readonly string[]; observedAt: Date },
): LoopStates {
  if (states.size === 0 && changes.size === 0) return states;
  const after = new Map<string, LoopState>();
  for (const [dockerId, state] of states) if (isRecent(state, observedAt)) after.set(dockerId, state);
  for (const dockerId of removals) after.delete(dockerId);
  for (const [dockerId, { state }] of changes) {
    if (state !== null && isRecent(state, observedAt)) after.set(dockerId, state);
    else after.delete(dockerId);
  }
  return after;
}

/** Returns whether a state may still matter: it has a loop, or exits in the hour before a report. */
export const isRecent = ({ loop, exitTimes }: LoopState, observedAt: Date): boolean =>
  loop !== null || (exitTimes[0] !== undefined && exitTimes[0] > observedAt.getTime() - LOOP_MS);
