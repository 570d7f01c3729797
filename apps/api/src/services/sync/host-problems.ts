import {
  CLOCK_SKEW_SECONDS_MAX,
  HostProblemCode,
  type AgentProblem,
  type Heartbeat,
  type HostProblem,
} from '@muster/contracts';
import { CLONE_SUSPECTED_MS } from './order.js';
import type { HeartbeatProblems, Hysteresis } from './report-hosts.sql.js';

/** The columns of a host from which its problems are derived. */
export interface ProblemColumns {
  agentProblems: unknown;
  snapshotRefusedAt: Date | null;
  snapshotRefusedReason: string | null;
  truncatedCount: number;
  truncatedSince: Date | null;
  confirmedAt: Date | null;
  cloneSuspectedAt: Date | null;
  cloneSuspectedSince: Date | null;
  clockSkewSeconds: number | null;
}

/**
 * A heartbeat with one of these problems does not confirm the stored containers, because the host's containers may
 * differ from the stored ones.
 */
const NOT_CURRENT_CODES: ReadonlySet<HostProblemCode> = new Set<HostProblemCode>([
  'engine_unreachable',
  'list_refused',
  'too_many_containers',
  'snapshot_refused',
]);

/**
 * The problem `clock_skew` ends only when the skew is this many seconds below the limit. A skew that varies around the
 * limit would otherwise begin and end the problem with each heartbeat.
 */
const CLOCK_SKEW_HYSTERESIS_SECONDS = 10;

/**
 * Returns a heartbeat's problems. An agent that supports `problems` reports all problems there, and sends `engineError`
 * only for older APIs that do not support `problems`. This function itself determines `clock_skew`. The `since` of each
 * problem is the time of receipt. If the database already has an earlier `since` for the problem, the database keeps
 * the earlier `since`.
 */
export function heartbeatProblems(
  { problems, engineError }: Pick<Heartbeat, 'problems' | 'engineError'>,
  clockSkewSeconds: number | null,
  receivedAt: Date,
): HeartbeatProblems {
  const fromEngineError: AgentProblem[] =
    engineError === undefined ? [] : [{ code: 'engine_unreachable', message: engineError }];
  const reported = problems ?? fromEngineError;
  const since = receivedAt.toISOString();
  const stored: (HostProblem & Hysteresis)[] = reported.map(({ code, message }) => ({ code, message, since }));
  const skew = Math.abs(clockSkewSeconds ?? 0);
  if (skew > CLOCK_SKEW_SECONDS_MAX) stored.push({ code: 'clock_skew', message: '', since });
  else if (skew > CLOCK_SKEW_SECONDS_MAX - CLOCK_SKEW_HYSTERESIS_SECONDS) {
    stored.push({ code: 'clock_skew', message: '', since, onlyIfKnown: true });
  }
  return {
    engineError: reported.find(({ code }) => code === 'engine_unreachable')?.message ?? null,
    problems: stored,
    isNotCurrent: reported.some(({ code }) => NOT_CURRENT_CODES.has(code)),
  };
}

/** Returns a host's problems, at most one of each code, in the order of `HostProblemCode`. */
export function hostProblems(host: ProblemColumns, now: Date): HostProblem[] {
  const found = new Map<HostProblemCode, HostProblem>();
  for (const { code, message, since } of host.agentProblems as HostProblem[]) {
    found.set(code, { code, message, since: new Date(since).toISOString() });
  }
  if (host.snapshotRefusedAt !== null) {
    // Show the API's own reason for the refusal, because it is more precise than the agent's report.
    const message = host.snapshotRefusedReason ?? 'The API refused the last snapshot.';
    found.set('snapshot_refused', { code: 'snapshot_refused', message, since: host.snapshotRefusedAt.toISOString() });
  }
  if (host.truncatedCount > 0) {
    // An earlier version of Muster that runs alongside this one counts truncated containers, but does not store
    // `truncatedSince`.
    const since = (host.truncatedSince ?? host.confirmedAt ?? now).toISOString();
    found.set('truncated', { code: 'truncated', message: truncatedMessage(host.truncatedCount), since });
  }
  const { cloneSuspectedAt, cloneSuspectedSince } = host;
  if (cloneSuspectedAt !== null && now.getTime() - cloneSuspectedAt.getTime() < CLONE_SUSPECTED_MS) {
    const since = (cloneSuspectedSince ?? cloneSuspectedAt).toISOString();
    found.set('clone_suspected', { code: 'clone_suspected', message: CLONE_MESSAGE, since });
  }
  const skew = found.get('clock_skew');
  if (skew !== undefined) found.set('clock_skew', { ...skew, message: clockMessage(host.clockSkewSeconds ?? 0) });
  return HostProblemCode.options.flatMap((code) => found.get(code) ?? []);
}

const CLONE_MESSAGE =
  "Two machines use this host's token; one is usually a copy of the other. On the copy, stop the agent, run " +
  '`muster-agent leave`, which keeps the token valid for the other machine, and enroll the copy with a new ' +
  'enrollment token.';

const truncatedMessage = (containers: number): string =>
  `${containers === 1 ? '1 container has' : `${containers} containers have`} fields that exceed a limit and are shortened. ` +
  'Each container names its shortened fields in `truncated`.';

const clockMessage = (seconds: number): string =>
  `The host's clock is ${Math.abs(seconds)} s ${seconds < 0 ? 'behind' : 'ahead of'} the API's. Synchronize it.`;
