import { isErrorCode, type ExitReason, type LoopExits } from '@muster/contracts';
import type { EventDraft, StoredLoopExits } from './container-changes.js';

/**
 * A container that has exited this many times within an hour is looping: further exits are not recorded one by one, but
 * together in one `looping` event (ADR 24).
 */
const LOOP_EXITS_MIN = 20;

/** Milliseconds that one `looping` event covers. */
export const LOOP_MS = 3_600_000;

/** Maximum number of different exits, by code and reason, that one `looping` event lists. */
export const LOOP_CODES_MAX = 16;

/** What one snapshot reports about the exits of a container. */
export interface ExitReport {
  dockerId: string;
  /** Whether the container was removed, which ends its loop. */
  removed: boolean;
  /** Number of times that the container's process ended; null if nothing happened to the process. */
  exits: number | null;
  /** The state before and after the change. */
  fromState: string | null;
  toState: string | null;
  /** The code and the reason of the last exit. */
  code: number | null;
  reason: ExitReason | null;
  isError: boolean;
}

/** The reasons for exits that are not errors, even with a non-zero exit code. */
export const NO_ERROR_REASONS: readonly ExitReason[] = ['completed', 'stopped'];

const textOrNull = (value: EventDraft['from']): string | null => (typeof value === 'string' ? value : null);

/** Returns the reports of the containers whose events can be left out of the history, or whose loop ends. */
export function toExitReports(events: readonly EventDraft[]): ExitReport[] {
  const reports = new Map<string, ExitReport>();
  for (const { dockerId, kind, processExits, inLoop, from, to, exitCode: code, exitReason: reason } of events) {
    const removed = kind === 'removed';
    if (!removed && inLoop === undefined) continue;
    if (processExits === undefined) {
      const none = {
        dockerId,
        removed,
        exits: null,
        fromState: null,
        toState: null,
        code: null,
        reason: null,
        isError: false,
      };
      if (!reports.has(dockerId)) reports.set(dockerId, none);
      continue;
    }
    const isError = isErrorCode(code) && !(reason !== null && NO_ERROR_REASONS.includes(reason));
    const states = { fromState: textOrNull(from), toState: textOrNull(to) };
    reports.set(dockerId, { dockerId, removed, exits: processExits, ...states, code, reason, isError });
  }
  return [...reports.values()];
}

/** Converts stored exits to the form in which the API returns them. The most frequent exits come first. */
export const toLoopExits = ({ count, first, last, codes }: StoredLoopExits): LoopExits => ({
  count,
  first: new Date(first).toISOString(),
  last: new Date(last).toISOString(),
  codes: Object.values(codes)
    .map(({ code, reason, count }) => ({ code, reason, count }))
    .sort((a, b) => b.count - a.count || (a.code ?? -1) - (b.code ?? -1)),
});

/** The exits that have been counted since a loop began, as the column `loop` of a container stores them. */
export interface OpenLoop extends StoredLoopExits {
  /** The state before the first exit. */
  from: string | null;
  /** The state after the last change. */
  to: string | null;
  /** The code of the last exit with an error; if no exit had an error, the code of the last exit. */
  exitCode: number | null;
  exitReason: ExitReason | null;
  isError: boolean;
}

/** What a container's row contains about its exits. */
export interface LoopState {
  /** When the process last ended, in milliseconds by the host's clock, newest first. */
  exitTimes: readonly number[];
  loop: OpenLoop | null;
  /** When the loop began, in milliseconds by the API's clock. */
  loopingSince: number | null;
}

/** The state of a container without recent exits. */
export const NO_EXITS: LoopState = { exitTimes: [], loop: null, loopingSince: null };

/** When a report was observed and received. */
export interface ReportTimes {
  /** By the host's clock. */
  observedAt: Date;
  /** By the API's clock. */
  receivedAt: Date;
  /**
   * Whether the host's last report is at most an hour older than this one. If it is older, the restarts between the two
   * reports may be just as old.
   */
  isContinuous: boolean;
}

/** The result of a report. */
export interface LoopChange {
  /** The new state; null if it equals the old one. */
  state: LoopState | null;
  /** The change from the old `exitTimes` to the new `exitTimes`. */
  times: ExitTimesChange;
  /** The loop that has ended; null if no loop has ended. */
  ended: OpenLoop | null;
  /** Whether the recurring events of this report are left out of the history. */
  isFolded: boolean;
}

/** A change of `exitTimes`. The result is the times of the new exits, followed by a slice of the old times. */
export interface ExitTimesChange {
  /** Number of new exits. Each new exit has the time of this report. */
  added: number;
  /**
   * The positions, counted from 1, of the first and the last old time that remain. No old time remains if `last` is
   * less than `first`.
   */
  first: number;
  last: number;
}

/**
 * Returns how a report changes the loop of its container.
 * - A loop begins with the first exit that is preceded by 20 exits within an hour.
 * - A loop ends with the first report an hour or more after the loop's first exit, according to the clock of the host
 *   or of the API. If 20 exits within an hour also precede an exit in this report, another loop begins.
 * - If a container has been up for a minute and only its health or ports change, these events are recorded, although
 *   its loop is still open.
 */
export function advanceLoop(before: LoopState, report: ExitReport, times: ReportTimes): LoopChange {
  const [observedMs, receivedMs] = [times.observedAt.getTime(), times.receivedAt.getTime()];
  const open = isOpen(before, observedMs, receivedMs) ? before.loop : null;
  const { first, last } = recentTimes(before.exitTimes, observedMs);
  const isLooping =
    !report.removed && (open !== null || ((report.exits ?? 0) > 0 && last - first + 1 >= LOOP_EXITS_MIN));
  const lastExitMs = last < first ? -Infinity : before.exitTimes[first - 1]!;
  const isFolded = isLooping && (report.exits !== null || lastExitMs > observedMs - MINUTE_MS);
  const ended = open === null || report.removed ? before.loop : null;
  const loop = isLooping ? addToLoop(open, report, times) : null;
  if (loop === before.loop && !report.exits) return { state: null, times: KEEP_TIMES, ended, isFolded };
  const added = report.exits ? (times.isContinuous ? Math.min(report.exits, LOOP_EXITS_MIN) : 1) : 0;
  const change = added === 0 ? KEEP_TIMES : { added, first, last: Math.min(last, first - 1 + LOOP_EXITS_MIN - added) };
  const kept = before.exitTimes.slice(change.first - 1, change.last);
  const exitTimes = added === 0 ? kept : new Array<number>(added).fill(observedMs).concat(kept);
  const loopingSince = loop === null ? null : open === null ? receivedMs : before.loopingSince;
  return { state: { exitTimes, loop, loopingSince }, times: change, ended, isFolded };
}

const MINUTE_MS = 60_000;

const KEEP_TIMES: ExitTimesChange = { added: 0, first: 1, last: LOOP_EXITS_MIN };

/** Returns whether a loop began within the last hour, according to both the clock of the host and that of the API. */
function isOpen({ loop, loopingSince }: LoopState, observedMs: number, receivedMs: number): boolean {
  if (loop === null || loopingSince === null || Math.abs(receivedMs - loopingSince) >= LOOP_MS) return false;
  return isWithinHour(Date.parse(loop.first), observedMs);
}

/**
 * Returns whether a time of the host's clock is within the hour before a report. A time that is later than the report
 * comes from a clock that was ahead and has been corrected since. A difference of less than a minute is ignored.
 */
const isWithinHour = (atMs: number, observedMs: number): boolean =>
  atMs > observedMs - LOOP_MS && atMs < observedMs + MINUTE_MS;

/** Returns the positions, counted from 1, of the first and the last time within the hour before a report. */
function recentTimes(exitTimes: readonly number[], observedMs: number): { first: number; last: number } {
  let start = 0;
  while (start < exitTimes.length && !isWithinHour(exitTimes[start]!, observedMs)) start++;
  let end = start;
  while (end < exitTimes.length && isWithinHour(exitTimes[end]!, observedMs)) end++;
  return { first: start + 1, last: end };
}

/** Returns a loop after a report. `open` is null if the report begins the loop. */
function addToLoop(
  open: OpenLoop | null,
  report: ExitReport,
  { observedAt, receivedAt }: ReportTimes,
): OpenLoop | null {
  const { exits, fromState: from, toState: to, code, reason, isError } = report;
  if (!exits) return open !== null && exits === 0 ? { ...open, to } : open;
  const at = observedAt.toISOString();
  const codes = withCode(open?.codes ?? {}, report, receivedAt);
  const count = (open?.count ?? 0) + exits;
  // An exit with an error replaces the stored exit. Any other exit replaces only a stored exit without an error.
  if (open !== null && !isError && (code === null || open.isError)) return { ...open, count, last: at, to, codes };
  const first = open?.first ?? at;
  return { count, first, last: at, from: open?.from ?? from, to, codes, exitCode: code, exitReason: reason, isError };
}

/** Returns the counts by code and reason after an exit. */
function withCode(
  codes: StoredLoopExits['codes'],
  { code, reason }: ExitReport,
  receivedAt: Date,
): StoredLoopExits['codes'] {
  if (code === null && reason === null) return codes;
  const key = `${code ?? ''}/${reason ?? ''}`;
  const counted = codes[key];
  if (counted === undefined && Object.keys(codes).length >= LOOP_CODES_MAX) return codes;
  return { ...codes, [key]: { code, reason, count: (counted?.count ?? 0) + 1, recordedAt: receivedAt.toISOString() } };
}
