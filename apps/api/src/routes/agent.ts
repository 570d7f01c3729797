import { ACCEPTS_PORT_RANGES, Operations, type Cadence, type SyncSummary } from '@muster/contracts';
import { createAgentGuards, type AgentGuards } from '../http/agent-guards.js';
import { requireAgentAuth, requireEnrollmentAuth } from '../http/auth.js';
import type { DelayRefusal } from '../http/delay-refusals.js';
import { createKeyedMutex } from '../http/keyed-mutex.js';
import type { AgentLimits } from '../http/limit-agents.js';
import type { EnrollmentLimit } from '../http/limit-enrollments.js';
import { route, type Route } from '../http/route.js';
import type { AgentTokenService, EnrollmentService } from '../services/enrollment/index.js';
import {
  bodyDigest,
  type DigestSalts,
  type HeartbeatService,
  type SnapshotRefusalRecorder,
} from '../services/sync/index.js';
import type { ContainerService } from '../services/container.js';

export interface AgentRouteOptions {
  agentTokens: AgentTokenService;
  containers: ContainerService;
  digestSalts: DigestSalts;
  enrollment: EnrollmentService;
  heartbeats: HeartbeatService;
  refusals: SnapshotRefusalRecorder;
  cadence: Cadence;
  /** Records the result of a snapshot in the metrics. */
  recordSnapshot: (summary: SyncSummary) => void;
  limits: AgentLimits;
  enrollmentLimit: EnrollmentLimit;
  /** Replaces the time limits of the queues per host and per enrollment token. */
  waitMsMax: number | undefined;
  delayRefusal: DelayRefusal;
}

/** Creates the routes that agents call, and their guards. All routes except `enroll` require an agent token. */
export const createAgentRouting = (options: AgentRouteOptions): { guards: AgentGuards; routes: Route[] } => ({
  guards: createAgentGuards({
    ...options,
    authenticateAgent: requireAgentAuth(options.agentTokens),
    authenticateEnrollment: requireEnrollmentAuth(options.enrollment),
  }),
  routes: agentRoutes(options),
});

/**
 * Queue limits for enrollments with one token. Such enrollments run one at a time, because each enrollment locks the
 * token's row. A whole fleet may enroll with one token, but each enrollment takes only milliseconds, so a burst of
 * enrollments can wait instead of failing.
 */
const ENROLLMENT_QUEUE_LIMITS = { waitingMax: 1_000, waitMsMax: 10_000 };

function agentRoutes(options: AgentRouteOptions): Route[] {
  const {
    agentTokens,
    containers,
    digestSalts,
    enrollment,
    heartbeats,
    cadence,
    recordSnapshot,
    limits,
    enrollmentLimit,
    waitMsMax = ENROLLMENT_QUEUE_LIMITS.waitMsMax,
  } = options;
  const runEnrollmentExclusive = createKeyedMutex('enrollment token', { ...ENROLLMENT_QUEUE_LIMITS, waitMsMax });

  return [
    // POST /api/agent/enroll
    route(Operations.enroll, async ({ caller: token, body, res }) => {
      enrollmentLimit.limitMachine(token.enrollmentTokenId, body.engineId);
      const enroll = () => enrollment.enroll(token, body);
      const { created, ...enrolled } = await runEnrollmentExclusive(res, token.enrollmentTokenId, enroll);
      return { status: created ? 201 : 200, body: { ...enrolled, accepts: ACCEPTS } };
    }),

    // POST /api/agent/containers
    route(
      Operations.reportContainers,
      async ({ caller: { hostId }, headers, body }) => {
        const observedAt = headers.observedAt === null ? null : new Date(headers.observedAt);
        const usage = { textBytes: 0, historyBytes: 0 };
        const { salt, isOwn } = digestSalts.saltFor(hostId);
        const digest = await bodyDigest(body, salt);
        const metadata = { ...headers, observedAt, digest, isOwnDigest: isOwn, usage };
        let rowsWritten = 0;
        try {
          const summary = await containers.syncContainers(hostId, body, metadata);
          rowsWritten = summary.created + summary.updated + summary.removed;
          recordSnapshot(summary);
          return { ...summary, accepts: ACCEPTS };
        } finally {
          limits.chargeSnapshot(hostId, { bodyBytes: body.bytes.length, rowsWritten, ...usage });
        }
      },
      { body: 'raw' },
    ),

    // POST /api/agent/heartbeat
    route(Operations.heartbeat, async ({ caller: { hostId }, headers: { stream }, body }) => {
      const response = await heartbeats.beat(hostId, body, stream);
      return { ...response, accepts: ACCEPTS };
    }),

    // POST, GET and DELETE /api/agent/token
    route(Operations.rotateAgentToken, async ({ caller, res }) => {
      const { agentToken } = await agentTokens.rotate(caller, () => !res.closed);
      return { agentToken, cadence, accepts: ACCEPTS };
    }),
    route(Operations.getAgentTokenHolder, ({ caller: { hostId } }) => ({ hostId, cadence, accepts: ACCEPTS })),
    route(Operations.leave, ({ caller }) => agentTokens.leave(caller)),
  ];
}

/** Optional snapshot features that this API accepts. */
const ACCEPTS = [ACCEPTS_PORT_RANGES];
