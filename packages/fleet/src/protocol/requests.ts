import { randomUUID } from 'node:crypto';
import { Paths, SnapshotHeaderNames, type EnrollRequest, type Heartbeat } from '@muster/contracts';
import type { Call } from '@muster/testkit/http';

/** One run of an agent: its credentials, and the sequence number of its last snapshot. */
export class AgentSession {
  sequence = 0;

  constructor(
    readonly hostId: string,
    /** After a rotation, assign the new token. */
    public token: string,
    /** Identifies the run. */
    readonly stream: string = randomUUID(),
  ) {}
}

/** The facts that simulated machines report. */
export const MACHINE = {
  os: 'Debian GNU/Linux 12',
  arch: 'x86_64',
  agentVersion: '0.1.0',
  engine: { name: 'Docker', version: '28.5.2', apiVersion: '1.51' },
} as const;

/** Returns the request that enrolls the simulated machine `engineId` with an enrollment token. */
export function enrollRequest(token: string, engineId: string, facts: Partial<EnrollRequest> = {}): Call {
  const machine: EnrollRequest = { name: engineId, engineId, ...MACHINE, ...facts };
  const body = JSON.stringify(machine);
  return { method: 'POST', path: Paths.agentEnroll, token, body };
}

/**
 * Returns the next snapshot of a session. By default, the observation time is the current time. `gzip` states whether
 * `body` is compressed.
 */
export function snapshotRequest(
  session: AgentSession,
  body: string | Buffer,
  { gzip = false, observedAtMs = Date.now() } = {},
): Call {
  session.sequence += 1;
  const headers = headersOf(session);
  headers[SnapshotHeaderNames.sequence] = String(session.sequence);
  headers[SnapshotHeaderNames.observedAt] = new Date(observedAtMs).toISOString();
  if (gzip) headers['Content-Encoding'] = 'gzip';
  return { method: 'POST', path: Paths.agentContainers, token: session.token, headers, body };
}

/** Returns a heartbeat of a session. `facts` describe the machine and its engine. */
export function heartbeatRequest(session: AgentSession, digest: string | null, facts: Partial<Heartbeat> = {}): Call {
  const body = JSON.stringify({ digest, ...facts });
  return { method: 'POST', path: Paths.agentHeartbeat, token: session.token, headers: headersOf(session), body };
}

const headersOf = ({ stream }: AgentSession): Record<string, string> => ({ [SnapshotHeaderNames.stream]: stream });

export const rotationRequest = ({ token }: AgentSession): Call => ({ method: 'POST', path: Paths.agentToken, token });
