import { randomUUID } from 'node:crypto';
import { EnrollResponse, Paths, SnapshotHeaderNames, TokenRotation } from '@muster/contracts';
import type { Call, Client, Reply } from './http.js';

/** A host as its agent knows it. What it sends, it sends in its stream's order. */
export interface Agent {
  readonly hostId: string;
  /** Changes when it rotates. */
  token: string;
  readonly stream: string;
  /** The call of the next snapshot. */
  snapshot(body: string | Buffer): Call;
  heartbeat(digest: string | null): Call;
  /** The call for a new token. */
  rotation(): Call;
}

/** Enrolment was refused. */
class EnrollmentError extends Error {}

/** What a machine says of itself; `engineId` is who it is. */
export const enrollRequest = (engineId: string) => ({
  ...{ name: engineId, engineId, os: 'Debian GNU/Linux 12', arch: 'x86_64', agentVersion: '0.1.0' },
  engine: { name: 'Docker', version: '28.5.2', apiVersion: '1.51' },
});

const TRIES_MAX = 10;
const RETRY_MS = 1_000;

/**
 * Enrols a machine, and tries again where it is told to come again, as an agent does.
 * @throws EnrollmentError if it is refused, BrokenCallError if nobody answers.
 */
export async function enroll(client: Client, enrollmentToken: string, engineId: string): Promise<Agent> {
  const body = JSON.stringify(enrollRequest(engineId));
  for (let tries = 1; ; tries++) {
    const reply = await client.send({ method: 'POST', path: Paths.agentEnroll, token: enrollmentToken, body });
    if (reply.status === 201 || reply.status === 200) {
      const { hostId, agentToken } = EnrollResponse.parse(JSON.parse(reply.text));
      return createAgent(hostId, agentToken);
    }
    if (reply.status !== 503 || tries === TRIES_MAX) {
      throw new EnrollmentError(`enrollment answered ${reply.status}: ${reply.text.slice(0, 500)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

function createAgent(hostId: string, agentToken: string): Agent {
  const stream = randomUUID();
  let sequence = 0;
  const agent: Agent = {
    hostId,
    token: agentToken,
    stream,
    snapshot(body) {
      sequence += 1;
      const headers = {
        [SnapshotHeaderNames.stream]: stream,
        [SnapshotHeaderNames.sequence]: String(sequence),
        [SnapshotHeaderNames.observedAt]: new Date().toISOString(),
      };
      return { method: 'POST', path: Paths.agentContainers, token: agent.token, headers, body };
    },
    heartbeat: (digest) => ({
      ...{ method: 'POST', path: Paths.agentHeartbeat, token: agent.token, body: JSON.stringify({ digest }) },
      headers: { [SnapshotHeaderNames.stream]: stream },
    }),
    rotation: () => ({ method: 'POST', path: Paths.agentToken, token: agent.token }),
  };
  return agent;
}

/** The token that a rotation's answer holds. */
export const rotatedToken = (reply: Reply): string => TokenRotation.parse(JSON.parse(reply.text)).agentToken;
