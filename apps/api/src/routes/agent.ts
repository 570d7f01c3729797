import { createHash } from 'node:crypto';
import {
  ACCEPTS_PORT_RANGES,
  CONTAINER_PARSER_VERSION,
  HeartbeatHeaders,
  Operations,
  type Cadence,
  type SyncSummary,
} from '@muster/contracts';
import type { Request } from 'express';
import { requireAgentAuth, requireEnrollmentAuth } from '../http/auth.js';
import type { DelayRefusal } from '../http/delay-refusals.js';
import { createKeyedMutex } from '../http/keyed-mutex.js';
import type { AgentLimits } from '../http/limit-agents.js';
import type { EnrollmentLimit } from '../http/limit-enrollments.js';
import { route, type Guards, type Route } from '../http/route.js';
import type { AgentTokenService, EnrollmentService } from '../services/enrollment/index.js';
import type { RawBody, HeartbeatService, SnapshotRefusals } from '../services/sync/index.js';
import type { ContainerService } from '../services/container.js';
import { createYielder } from '../lib/yielder.js';

export interface AgentRouteOptions {
  agentTokens: AgentTokenService;
  containers: ContainerService;
  enrollment: EnrollmentService;
  heartbeats: HeartbeatService;
  refusals: SnapshotRefusals;
  cadence: Cadence;
  /** Records the result of a snapshot in the metrics. */
  recordSnapshot: (summary: SyncSummary) => void;
  limits: AgentLimits;
  enrollmentLimit: EnrollmentLimit;
  delayRefusal: DelayRefusal;
}

/** Creates the routes that agents call, and their guards. All routes except `enroll` require an agent token. */
export const createAgents = (
  options: AgentRouteOptions,
): { guards: Pick<Guards, 'agent' | 'enroll'>; routes: Route[] } => ({
  guards: agentGuards(options),
  routes: agentRoutes(options),
});

/** The maximum number of a host's waiting requests per kind of call, and the milliseconds that each may wait. */
const HOST_QUEUE_LIMITS = { waitingMax: 8, waitMsMax: 2_000 };

/**
 * Creates the guards of the routes that agents call. A guard authenticates the agent, applies the rate limit, and then
 * waits for the host's previous call to finish. The body of a waiting request is not read.
 *
 * For each host, one snapshot and one other call run at a time, so that a heartbeat never waits for a snapshot. More
 * concurrent calls would only wait for the host's row lock.
 */
function agentGuards(options: AgentRouteOptions): Pick<Guards, 'agent' | 'enroll'> {
  const { agentTokens, enrollment, refusals, limits, enrollmentLimit, delayRefusal } = options;
  const authenticateAgent = requireAgentAuth(agentTokens);
  const authenticateEnrollment = requireEnrollmentAuth(enrollment);
  const runCallExclusive = createKeyedMutex('host', HOST_QUEUE_LIMITS);
  const runSnapshotExclusive = createKeyedMutex('host', HOST_QUEUE_LIMITS);

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
 * Queue limits for enrollments with one token. A whole fleet may enroll with one token, whose row each enrollment
 * locks. Enrollments with one token therefore run one at a time, each in milliseconds, and a burst waits instead of
 * failing.
 */
const ENROLLMENT_QUEUE_LIMITS = { waitingMax: 1_000, waitMsMax: 10_000 };

function agentRoutes(options: AgentRouteOptions): Route[] {
  const { agentTokens, containers, enrollment, heartbeats, cadence, recordSnapshot, limits, enrollmentLimit } = options;
  const runEnrollmentExclusive = createKeyedMutex('enrollment token', ENROLLMENT_QUEUE_LIMITS);

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
        const metadata = { ...headers, observedAt, digest: await snapshotDigest(body), usage };
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

/** Returns the stream of a snapshot request, even if its other headers are invalid; null if the stream is invalid. */
const readStream = (req: Request): string | null => HeartbeatHeaders.safeParse(req.headers).data?.stream ?? null;

/** Optional snapshot features that this API accepts. */
const ACCEPTS = [ACCEPTS_PORT_RANGES];

/** Returns a body's digest: the SHA-256 of the parser's version, the content encoding and the bytes as received. */
async function snapshotDigest({ bytes, encoding }: RawBody): Promise<string> {
  const yielder = createYielder();
  const hash = createHash('sha256').update(`${CONTAINER_PARSER_VERSION}:${encoding}:`);
  for (let start = 0; start < bytes.length; start += HASH_BYTES) {
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
    hash.update(bytes.subarray(start, start + HASH_BYTES));
  }
  return hash.digest('base64url');
}

/** The number of bytes hashed between two checks of whether to yield. */
const HASH_BYTES = 512 * 1024;
