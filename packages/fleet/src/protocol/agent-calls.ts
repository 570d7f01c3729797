import {
  EnrollResponse,
  HeartbeatResponse,
  Paths,
  SnapshotHeaderNames,
  SyncSummary,
  TokenRotation,
  type EnrollRequest,
} from '@muster/contracts';
import type { z } from 'zod';
import type { Client, Loss, Reply, Request } from './client.js';
import type { EncodedSnapshot } from './encode-snapshot.js';

/** What came of an agent's call. */
export type Answer<T> = { kind: 'ok'; data: T } | Exclude<Reply, { kind: 'ok' }>;

/** Where a snapshot stands among those of its host. */
export interface SnapshotOrder {
  stream: string;
  sequence: number;
  observedAt: string;
}

/** The agent's calls of the API. None throws. */
export interface AgentCalls {
  enroll(enrollToken: string, request: EnrollRequest, lose: Loss | null): Promise<Answer<EnrollResponse>>;
  snapshot(
    token: string,
    snapshot: EncodedSnapshot,
    order: SnapshotOrder,
    lose: Loss | null,
  ): Promise<Answer<SyncSummary>>;
  heartbeat(token: string, digest: string | null, stream: string): Promise<Answer<HeartbeatResponse>>;
  rotate(token: string, lose: Loss | null): Promise<Answer<TokenRotation>>;
}

/** The engine that every simulated host has. */
const ENGINE = { name: 'Docker', version: '28.5.2', apiVersion: '1.51' };
const OS = 'Debian GNU/Linux 12';
const AGENT_VERSION = 'simulate';

/** The machine that a simulated host enrols as. */
export const enrollRequest = (name: string, engineId: string): EnrollRequest => ({
  ...{ name, engineId, engine: ENGINE, os: OS, arch: 'x86_64', agentVersion: AGENT_VERSION },
});

/** All that follows the digest in a heartbeat, which is the same in each. */
const HEARTBEAT_FACTS = JSON.stringify({ engine: ENGINE, os: OS, agentVersion: AGENT_VERSION }).slice(1);

/** The calls, by way of a client. Answers are parsed by the contract: they are small. */
export function createAgentCalls(client: Client): AgentCalls {
  const post = async <S extends z.ZodType>(
    schema: S,
    request: Omit<Request, 'method'>,
  ): Promise<Answer<z.output<S>>> => {
    const reply = await client.send({ ...request, method: 'POST' });
    if (reply.kind !== 'ok') return reply;
    const parsed = schema.safeParse(reply.body);
    if (parsed.success) return { kind: 'ok', data: parsed.data };
    return { kind: 'retry', reason: `answered ${reply.status}, but not as Muster does`, retryAfterMs: null };
  };
  return {
    enroll: (token, request, lose) =>
      post(EnrollResponse, {
        ...{ call: 'enroll', path: Paths.agentEnroll, token, lose },
        body: JSON.stringify(request),
      }),
    snapshot: (token, { body, encoding }, { stream, sequence, observedAt }, lose) =>
      post(SyncSummary, {
        ...{ call: 'snapshot', path: Paths.agentContainers, token, body, lose },
        headers: {
          ...(encoding === null ? {} : { 'content-encoding': encoding }),
          [SnapshotHeaderNames.stream]: stream,
          [SnapshotHeaderNames.sequence]: String(sequence),
          [SnapshotHeaderNames.observedAt]: observedAt,
          [SnapshotHeaderNames.complete]: 'true',
        },
      }),
    heartbeat: (token, digest, stream) =>
      post(HeartbeatResponse, {
        ...{ call: 'heartbeat', path: Paths.agentHeartbeat, token },
        body: `{"digest":${JSON.stringify(digest)},${HEARTBEAT_FACTS}`,
        headers: { [SnapshotHeaderNames.stream]: stream },
      }),
    rotate: (token, lose) => post(TokenRotation, { call: 'token', path: Paths.agentToken, token, lose }),
  };
}
