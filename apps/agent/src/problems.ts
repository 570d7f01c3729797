import type { Heartbeat } from '@muster/contracts';

/** Something that keeps this host's state in Muster from being current or complete, as far as its agent knows. */
export interface AgentProblem {
  code: 'engine_unreachable' | 'list_refused' | 'too_many_containers' | 'snapshot_refused';
  message: string;
}

/** A heartbeat with this host's problems, which an older API ignores. */
export type AgentHeartbeat = Heartbeat & { problems?: AgentProblem[] };
