import { z } from 'zod';
import { HOST_PROBLEMS_MAX, PROBLEM_MESSAGE_LENGTH_MAX } from './limits.js';
import { text } from './text.js';

/**
 * A reason why a host's state is not current or not complete:
 *
 * - `engine_unreachable`: the agent cannot reach its engine.
 * - `list_refused`: the engine refuses to list its containers, or its list cannot be parsed.
 * - `too_many_containers`: the host has more containers than one snapshot can hold.
 * - `snapshot_refused`: the API refused the host's last snapshot.
 * - `truncated`: fields of some containers exceeded a limit and were shortened.
 * - `clone_suspected`: two machines seem to use this host's token.
 * - `clock_skew`: the host's clock differs from the API's.
 */
export const HostProblemCode = z.enum([
  'engine_unreachable',
  'list_refused',
  'too_many_containers',
  'snapshot_refused',
  'truncated',
  'clone_suspected',
  'clock_skew',
]);
export type HostProblemCode = z.output<typeof HostProblemCode>;

/**
 * One problem of a host. `message` is a text for people, and `since` is when the problem began, according to the API's
 * clock.
 */
export const HostProblem = z.object({ code: HostProblemCode, message: z.string(), since: z.iso.datetime() });
export type HostProblem = z.output<typeof HostProblem>;

/** The problems that an agent detects. The API detects the others. */
export const AgentProblemCode = HostProblemCode.extract([
  'engine_unreachable',
  'list_refused',
  'too_many_containers',
  'snapshot_refused',
]);
export type AgentProblemCode = z.output<typeof AgentProblemCode>;

/** One problem as an agent reports it. */
export interface AgentProblem {
  code: AgentProblemCode;
  message: string;
}

/**
 * All current problems of an agent, as reported in a heartbeat. Unknown codes are ignored, because agents and the API
 * are upgraded separately. If a code occurs twice, the first entry is used.
 */
export const AgentProblems = z
  .array(z.object({ code: text(1, 64), message: text(1, PROBLEM_MESSAGE_LENGTH_MAX) }))
  .max(HOST_PROBLEMS_MAX)
  .transform((problems): AgentProblem[] => {
    const known = new Map<AgentProblemCode, AgentProblem>();
    for (const { code, message } of problems) {
      const parsed = AgentProblemCode.safeParse(code);
      if (parsed.success && !known.has(parsed.data)) known.set(parsed.data, { code: parsed.data, message });
    }
    return [...known.values()];
  });

/**
 * Maximum difference, in seconds, between a host's clock and the API's. If it is exceeded, the API reports
 * `clock_skew`.
 */
export const CLOCK_SKEW_SECONDS_MAX = 60;
