import { randomUUID } from 'node:crypto';
import { Paths, type AgentProblem, type EnrollResponse } from '@muster/contracts';
import type { Dashboard } from './dashboard.js';

/** A host without an agent, with which a test can send reports that no real agent would send. */
export interface RawHost {
  readonly id: string;
  /** Sends a complete snapshot. */
  sync(containers: readonly object[]): Promise<void>;
  /** Sends a heartbeat with these problems. */
  beat(problems: readonly AgentProblem[], fields?: object): Promise<void>;
}

/** Enrolls a raw host with these facts. */
export async function enrollRawHost(
  { url, api }: Dashboard,
  facts: { name: string; [field: string]: unknown },
): Promise<RawHost> {
  const post = async (path: string, token: string, body: unknown): Promise<unknown> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const { token } = await api.call('createEnrollmentToken', { body: { name: 'a raw host' } });
  const machine = { engine: { name: 'Docker', version: '28.5.2', apiVersion: '1.51' }, os: 'linux', arch: 'x86_64' };
  const request = { engineId: randomUUID(), agentVersion: '0.1.0', ...machine, ...facts };
  const { hostId, agentToken } = (await post(Paths.agentEnroll, token, request)) as EnrollResponse;
  return {
    id: hostId,
    async sync(containers) {
      await post(Paths.agentContainers, agentToken, containers);
    },
    async beat(problems, fields = {}) {
      await post(Paths.agentHeartbeat, agentToken, { digest: null, problems, ...fields });
    },
  };
}
