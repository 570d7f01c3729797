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
} from '@muster/contracts';
import { Router, type RequestHandler } from 'express';
import { agentOf, enrollmentOf, requireAgentAuth, requireEnrollmentAuth } from '../middleware/auth.js';
import { readBody, readFields, readJsonBytes } from '../middleware/body.js';
import { sendJson } from '../middleware/send-json.js';
import type { AgentTokenService } from '../services/agent-token.js';
import type { RawBody } from '../services/body-bytes.js';
import type { ContainerService } from '../services/container.js';
import type { EnrollmentService } from '../services/enrollment.js';
import type { HeartbeatService } from '../services/heartbeat.js';

export interface AgentRouterParts {
  agentTokens: AgentTokenService;
  containers: ContainerService;
  enrollment: EnrollmentService;
  heartbeats: HeartbeatService;
  cadence: Cadence;
  /** Counts what became of a snapshot. */
  noteSnapshot: (summary: SyncSummary) => void;
  /** Stands behind the authentication of an agent, before its body is read. */
  agentLimit: RequestHandler;
}

/** What agents call. */
export function createAgentRouter(parts: AgentRouterParts): Router {
  const { agentTokens, containers, enrollment, heartbeats, cadence, noteSnapshot, agentLimit } = parts;
  const router = Router();
  const agentAuth = requireAgentAuth(agentTokens);

  router.post(Paths.agentEnroll, requireEnrollmentAuth(enrollment), async (req, res) => {
    const request = await readBody(req, EnrollRequest, BODY_BYTES_MAX);
    const { created, ...answer } = await enrollment.enroll(enrollmentOf(res), request);
    res.status(created ? 201 : 200).json(answer);
  });

  router.post(Paths.agentContainers, agentAuth, agentLimit, async (req, res) => {
    const { hostId } = agentOf(res);
    const headers = readFields(SnapshotHeaders, req.headers);
    const body = await readJsonBytes(req, SNAPSHOT_BODY_BYTES_MAX);
    const observedAt = headers.observedAt === null ? null : new Date(headers.observedAt);
    const metadata = { ...headers, observedAt, digest: snapshotDigest(body) };
    const summary = await containers.syncBody(hostId, body, metadata);
    noteSnapshot(summary);
    sendJson(res, summary);
  });

  router.post(Paths.agentHeartbeat, agentAuth, agentLimit, async (req, res) => {
    const { stream } = readFields(HeartbeatHeaders, req.headers);
    const heartbeat = await readBody(req, Heartbeat, BODY_BYTES_MAX);
    sendJson(res, await heartbeats.beat(agentOf(res).hostId, heartbeat, stream));
  });

  router.post(Paths.agentToken, agentAuth, agentLimit, async (_req, res) => {
    const { agentToken } = await agentTokens.rotate(agentOf(res), () => !res.closed);
    res.status(201).json({ agentToken, cadence } satisfies TokenRotation);
  });

  router.get(Paths.agentToken, agentAuth, agentLimit, (_req, res) => {
    sendJson(res, { hostId: agentOf(res).hostId, cadence } satisfies TokenHolder);
  });

  router.delete(Paths.agentToken, agentAuth, agentLimit, async (_req, res) => {
    await agentTokens.leave(agentOf(res));
    res.status(204).end();
  });

  return router;
}

/** To be raised when the same bytes come to mean something else to us: then no stored digest matches any more. */
const PARSER_VERSION = '1';

/** Names a body by its bytes as received: SHA-256 of how we would parse it, how it is encoded, and the bytes. */
const snapshotDigest = ({ bytes, encoding }: RawBody): string =>
  createHash('sha256').update(`${PARSER_VERSION}:${encoding}:`).update(bytes).digest('base64url');
