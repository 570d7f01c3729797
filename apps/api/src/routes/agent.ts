import { createHash } from 'node:crypto';
import {
  BODY_BYTES_MAX,
  EnrollRequest,
  Heartbeat,
  HeartbeatHeaders,
  Paths,
  SNAPSHOT_BODY_BYTES_MAX,
  SnapshotHeaders,
  type Cadence,
  type SyncSummary,
  type TokenHolder,
  type TokenRotation,
  STATUS_PARSER_VERSION,
  ACCEPTS_PORT_RANGES,
  type EnrollResponse,
  type HeartbeatResponse,
} from '@muster/contracts';
import { Router, type Request, type RequestHandler, type Response } from 'express';
import { agentOf, enrollmentOf, requireAgentAuth, requireEnrollmentAuth } from '../http/auth.js';
import { readBody, parseFields, readJsonBytes } from '../http/body.js';
import { createHostQueues } from '../http/host-queues.js';
import type { AgentLimits } from '../http/limit-agents.js';
import { sendJson } from '../http/send-json.js';
import type { EnrollmentLimit } from '../http/limit-enrollments.js';
import { createKeyedMutex } from '../http/keyed-mutex.js';
import type { AgentTokenService, EnrollmentService } from '../services/enrollment/index.js';
import type { RawBody, HeartbeatService, SnapshotRefusals } from '../services/sync/index.js';
import type { ContainerService } from '../services/container.js';
import { createYielder } from '../lib/yielder.js';

export interface AgentRouterParts {
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
}

/**
 * Queue limits for enrollments with one token. A fleet enrolls with one token, whose row is locked for each enrollment.
 * Enrollments therefore run one at a time, each in milliseconds, and a burst waits instead of failing.
 */
const ENROLLMENT_QUEUE_LIMITS = { waitingMax: 1_000, waitMsMax: 10_000 };

/** Creates the routes that agents call. */
export function createAgentRouter(parts: AgentRouterParts): Router {
  const { agentTokens, containers, enrollment, heartbeats, refusals, cadence, recordSnapshot, limits } = parts;
  const { enrollmentLimit } = parts;
  const router = Router();
  const agentAuth = requireAgentAuth(agentTokens);
  const queues = createHostQueues();
  const runEnrollmentExclusive = createKeyedMutex('enrollment token', ENROLLMENT_QUEUE_LIMITS);
  const call = (handler: Parameters<typeof queues.calls>[0], ...guards: RequestHandler[]) => [
    ...[agentAuth, limits.calls, ...guards, queues.calls(handler)],
  ];

  router.post(Paths.agentEnroll, requireEnrollmentAuth(enrollment), enrollmentLimit.limitCalls, async (req, res) => {
    const request = await readBody(req, EnrollRequest, BODY_BYTES_MAX);
    const token = enrollmentOf(res);
    enrollmentLimit.requireMachineAllowed(token.enrollmentTokenId, request.engineId);
    const enroll = () => enrollment.enroll(token, request);
    const { created, ...answer } = await runEnrollmentExclusive(res, token.enrollmentTokenId, enroll);
    res.status(created ? 201 : 200).json({ ...answer, accepts: ACCEPTS } satisfies EnrollResponse);
  });

  const receiveSnapshot = queues.snapshots(async (req, res) => {
    const { hostId } = agentOf(res);
    try {
      await applySnapshot(hostId, req, res);
    } catch (error) {
      await refusals.record(hostId, readStream(req), error);
      throw error;
    }
  });
  router.post(Paths.agentContainers, agentAuth, limits.snapshots, receiveSnapshot);

  async function applySnapshot(hostId: string, req: Request, res: Response) {
    const headers = parseFields(SnapshotHeaders, req.headers);
    const body = await readJsonBytes(req, SNAPSHOT_BODY_BYTES_MAX);
    const observedAt = headers.observedAt === null ? null : new Date(headers.observedAt);
    const usage = { textBytes: 0, historyBytes: 0 };
    const metadata = { ...headers, observedAt, digest: await snapshotDigest(body), usage };
    let rowsWritten = 0;
    try {
      const summary = await containers.syncBody(hostId, body, metadata);
      rowsWritten = summary.created + summary.updated + summary.removed;
      recordSnapshot(summary);
      sendJson(res, { ...summary, accepts: ACCEPTS } satisfies SyncSummary);
    } finally {
      limits.chargeSnapshot(hostId, { bodyBytes: body.bytes.length, rowsWritten, ...usage });
    }
  }

  const receiveHeartbeat = call(async (req, res) => {
    const { stream } = parseFields(HeartbeatHeaders, req.headers);
    const heartbeat = await readBody(req, Heartbeat, BODY_BYTES_MAX);
    const answer = await heartbeats.beat(agentOf(res).hostId, heartbeat, stream);
    sendJson(res, { ...answer, accepts: ACCEPTS } satisfies HeartbeatResponse);
  });
  router.post(Paths.agentHeartbeat, ...receiveHeartbeat);

  const rotate = call(async (_req, res) => {
    const { agentToken } = await agentTokens.rotate(agentOf(res), () => !res.closed);
    res.status(201).json({ agentToken, cadence, accepts: ACCEPTS } satisfies TokenRotation);
  }, limits.rotations);
  router.post(Paths.agentToken, ...rotate);

  const identify = call((_req, res) => {
    sendJson(res, { hostId: agentOf(res).hostId, cadence, accepts: ACCEPTS } satisfies TokenHolder);
  });
  router.get(Paths.agentToken, ...identify);

  const leave = call(async (_req, res) => {
    await agentTokens.leave(agentOf(res));
    res.status(204).end();
  });
  router.delete(Paths.agentToken, ...leave);

  return router;
}

/** Returns the stream that a snapshot names, even if its other headers are invalid; null: no valid stream. */
const readStream = (req: Request): string | null => HeartbeatHeaders.safeParse(req.headers).data?.stream ?? null;

/**
 * Version of our parsing, part of each digest: stored digests stop matching when the same bytes are parsed differently.
 * Raise the first number with each change to `parseContainer` or `fitContainer`.
 */
const PARSER_VERSION = `2.${STATUS_PARSER_VERSION}`;

/** Optional snapshot features that this API accepts. */
const ACCEPTS = [ACCEPTS_PORT_RANGES];

/** Returns the digest of a body: SHA-256 of our parser version, the content encoding and the bytes as received. */
async function snapshotDigest({ bytes, encoding }: RawBody): Promise<string> {
  const yielder = createYielder();
  const hash = createHash('sha256').update(`${PARSER_VERSION}:${encoding}:`);
  for (let start = 0; start < bytes.length; start += HASH_BYTES) {
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
    hash.update(bytes.subarray(start, start + HASH_BYTES));
  }
  return hash.digest('base64url');
}

/** Bytes hashed between two checks whether to yield. */
const HASH_BYTES = 512 * 1024;
