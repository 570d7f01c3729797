import { createHash } from 'node:crypto';
import { ExitCodes, StopError } from '../exit.js';
import type { AgentState } from '../state/state-store.js';
import { DELETED_MESSAGE, ENROLL_AGAIN_ADVICE } from './refusals.js';

/** Returns the part of the stored state that is valid for this API. A token is sent only to the API that issued it. */
export function stateForServer(musterUrl: string, enrollToken: string | null, state: AgentState): AgentState {
  if (state.enrollment === null) {
    // An earlier release wrote `retiredEnrollToken` when it deleted the agent token of a deleted host.
    if (enrollToken !== null && hashEnrollToken(enrollToken) === state.retiredEnrollToken) {
      throw new StopError(`${DELETED_MESSAGE}: ${ENROLL_AGAIN_ADVICE}`, ExitCodes.usage);
    }
    return state;
  }
  if (state.enrollment.musterUrl === musterUrl) return state;
  if (enrollToken !== null) return { ...state, enrollment: null };
  throw new StopError(
    `this machine is enrolled with ${state.enrollment.musterUrl}, not with ${musterUrl}: ` +
      'if this is a new address of the same API, run `muster-agent move`; otherwise set MUSTER_ENROLL_TOKEN to enroll ' +
      'there, or another MUSTER_STATE_DIR to keep both enrollments',
    ExitCodes.usage,
  );
}

/** Returns the hash by which the state identifies an enrollment token. */
export const hashEnrollToken = (token: string): string => createHash('sha256').update(token).digest('hex');
