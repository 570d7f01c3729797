import { HeartbeatHeaders } from '@muster/contracts';
import type { Request } from 'express';
import type { AgentIdentity, EnrollmentIdentity } from '../services/enrollment/index.js';
import type { SnapshotRefusalRecorder } from '../services/sync/index.js';
import type { Authenticate } from './auth.js';
import type { DelayRefusal } from './delay-refusals.js';
import { createKeyedMutex } from './keyed-mutex.js';
import type { AgentLimits } from './limit-agents.js';
import type { EnrollmentLimit } from './limit-enrollments.js';
import type { Guards } from './route.js';

export type AgentGuards = Pick<Guards, 'agent' | 'enroll'>;

export interface AgentGuardOptions {
  authenticateAgent: Authenticate<AgentIdentity>;
  authenticateEnrollment: Authenticate<EnrollmentIdentity>;
  refusals: SnapshotRefusalRecorder;
  limits: AgentLimits;
  enrollmentLimit: EnrollmentLimit;
  /** Replaces the time limit of the queue per host. */
  waitMsMax: number | undefined;
  delayRefusal: DelayRefusal;
}

/**
 * For each host and kind of call: the maximum number of waiting requests, and the milliseconds that each request may
 * wait.
 */
const HOST_QUEUE_LIMITS = { waitingMax: 8, waitMsMax: 2_000 };

/**
 * Creates the guards of the routes that agents call. A guard authenticates the agent, applies the rate limit, and then
 * waits for the host's previous call to finish. The body of a waiting request is not read.
 *
 * For each host, one snapshot and one other call run at a time, so that a heartbeat never waits for a snapshot. Running
 * more calls at a time would not be faster, because each call needs the lock on the host's row.
 */
export function createAgentGuards(options: AgentGuardOptions): AgentGuards {
  const { authenticateAgent, authenticateEnrollment, refusals, limits, enrollmentLimit, delayRefusal } = options;
  const { waitMsMax = HOST_QUEUE_LIMITS.waitMsMax } = options;
  const runCallExclusive = createKeyedMutex('host', { ...HOST_QUEUE_LIMITS, waitMsMax });
  const runSnapshotExclusive = createKeyedMutex('host', { ...HOST_QUEUE_LIMITS, waitMsMax });

  return {
    agent: ({ limits: kind }) => {
      const isSnapshot = kind === 'snapshots';
      const limit = isSnapshot ? limits.snapshots : limits.calls;
      const runExclusive = isSnapshot ? runSnapshotExclusive : runCallExclusive;
      return async (req, res, proceed) => {
        const agent = await authenticateAgent(req, res);
        const { hostId } = agent;
        const refusal = limit(hostId, res) ?? (kind === 'rotations' ? limits.rotations(hostId, res) : null);
        if (refusal !== null) {
          await delayRefusal(hostId, res);
          throw refusal;
        }
        await runExclusive(res, hostId, async () => {
          try {
            await proceed(agent);
          } catch (error) {
            if (isSnapshot) await refusals.record(hostId, readStream(req), error);
            throw error;
          }
        });
      };
    },

    enroll: () => async (req, res, proceed) => {
      const token = await authenticateEnrollment(req, res);
      enrollmentLimit.limitCalls(token.enrollmentTokenId, req.ip ?? '');
      await proceed(token);
    },
  };
}

/**
 * Returns the stream id in the headers of a snapshot request, even if other headers are invalid. Null if the stream id
 * is missing or invalid.
 */
const readStream = (req: Request): string | null => HeartbeatHeaders.safeParse(req.headers).data?.stream ?? null;
