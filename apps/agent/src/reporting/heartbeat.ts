import {
  MUSTER_VERSION,
  PROBLEM_MESSAGE_LENGTH_MAX,
  type AgentProblem,
  type Heartbeat,
  type HostFacts,
} from '@muster/contracts';
import type { EngineFault } from '../engine/engine-poller.js';
import type { MachineFacts } from '../engine/identity.js';

/** Why the host's state in Muster is not current or not complete. */
export interface ReportFaults {
  /** Why the engine cannot be read; null if it can. */
  engine: EngineFault | null;
  /** Why the last snapshot contains only some of the containers; null if it contains all. */
  incompleteness: string | null;
  /** Why the API refused the last snapshot; null if it was not refused. */
  refusal: string | null;
}

/** Returns the faults as the contract reports them. */
export function problemsOf({ engine, incompleteness, refusal }: ReportFaults): AgentProblem[] {
  const found: AgentProblem[] = engine === null ? [] : [engine];
  if (incompleteness !== null) found.push({ code: 'too_many_containers', message: incompleteness });
  if (refusal !== null) found.push({ code: 'snapshot_refused', message: refusal });
  return found.map(({ code, message }) => ({
    code,
    message: message.slice(0, PROBLEM_MESSAGE_LENGTH_MAX).toWellFormed(),
  }));
}

/**
 * Returns the body of a heartbeat. If `digest` is not null, the heartbeat confirms that the snapshot with this digest
 * is still current. `reported` are the facts that the API does not know yet; null if it knows them.
 */
export function composeHeartbeat(
  faults: ReportFaults,
  digest: string | null,
  facts: MachineFacts | null,
  reported: HostFacts | null,
  sentAt: Date,
): Heartbeat {
  const problems = problemsOf(faults);
  return {
    digest,
    // Older APIs know only this field and ignore `problems`.
    ...(faults.engine === null ? {} : { engineError: faults.engine.message }),
    ...(problems.length === 0 ? {} : { problems }),
    ...(facts === null ? {} : { engine: facts.engine, os: facts.os }),
    agentVersion: MUSTER_VERSION,
    ...(reported === null ? {} : { facts: reported }),
    sentAt: sentAt.toISOString(),
  };
}
