import {
  CADENCE_DEFAULT,
  type Cadence,
  type Heartbeat,
  type HeartbeatResponse,
  type HostFacts,
} from '@muster/contracts';
import type { Database } from '@muster/db';
import { HostDeletedError } from '../../errors.js';
import { heartbeatProblems } from './host-problems.js';
import { createHostReports, type HostReports } from './host-reports.js';

export interface HeartbeatService {
  /**
   * Records that a host's agent is alive. If the digest equals the stored one and the agent can list its containers,
   * also confirms that the host's containers are unchanged. Then stores the facts about the machine if the heartbeat
   * contains any. If storing the facts fails, the heartbeat still succeeds. `stream` identifies the agent's run; null
   * if the agent did not send a stream.
   * @throws HostDeletedError if the host was deleted.
   */
  beat(hostId: string, heartbeat: Heartbeat, stream: string | null): Promise<HeartbeatResponse>;
}

export interface HeartbeatServiceOptions {
  /** Stores the facts about the machine. `stream` identifies the agent's run. */
  recordFacts: (hostId: string, stream: string | null, facts: HostFacts, at: Date) => Promise<void>;
  /** Called if the facts could not be stored. The agent sends the facts again after an hour. */
  logFactsFailure: (error: unknown) => void;
  cadence?: Cadence;
  now: () => Date;
  /** Shared with the container service, so that heartbeats and unchanged snapshots share statements. */
  reports?: HostReports;
}

export function createHeartbeatService(
  db: Database,
  {
    recordFacts,
    logFactsFailure,
    now,
    cadence = CADENCE_DEFAULT,
    reports = createHostReports(db),
  }: HeartbeatServiceOptions,
): HeartbeatService {
  return {
    async beat(hostId, heartbeat, stream) {
      const { digest, engine, os = null, agentVersion = null, facts: hostFacts, sentAt } = heartbeat;
      const receivedAt = now();
      const clockSkewSeconds = sentAt === undefined ? null : skewSeconds(new Date(sentAt), receivedAt);
      const problems = heartbeatProblems(heartbeat, clockSkewSeconds, receivedAt);
      const facts = {
        engineName: engine?.name ?? null,
        engineVersion: engine?.version ?? null,
        engineApiVersion: engine?.apiVersion ?? null,
        os,
        agentVersion,
        clockSkewSeconds,
      };
      const reported = await reports.report({
        kind: 'heartbeat',
        hostId,
        receivedAt,
        digest,
        stream,
        problems,
        facts,
        heartbeatSeconds: cadence.heartbeatSeconds,
      });
      if (reported === null) throw new HostDeletedError();
      // The facts are stored after the heartbeat, because storing them may have to wait for a slow snapshot that has
      // locked the host's row.
      if (hostFacts !== undefined) await recordFacts(hostId, stream, hostFacts, receivedAt).catch(logFactsFailure);
      // A snapshot of this host is being written. The next heartbeat will be compared with that snapshot.
      if (reported === 'later') return { snapshotRequired: false, cadence };
      return { snapshotRequired: !reported.digestMatches, cadence };
    },
  };
}

/** Maximum stored clock skew. An agent's clock may show any year, but the column covers only 68 years. */
const SKEW_SECONDS_MAX = 2 ** 31 - 1;

function skewSeconds(sentAt: Date, receivedAt: Date): number {
  const seconds = Math.round((sentAt.getTime() - receivedAt.getTime()) / 1_000);
  return Math.max(-SKEW_SECONDS_MAX, Math.min(SKEW_SECONDS_MAX, seconds));
}
