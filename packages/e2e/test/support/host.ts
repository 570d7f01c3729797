import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { Paths, type AgentProblem, type EnrollResponse } from '@muster/contracts';
import { mainOf, startProgram, type Program } from '@muster/testkit';
import { startReplayedEngine, type Replay } from '@muster/testkit/engine-replay';
import { createHttp } from '@muster/testkit/http';
import type { Muster } from './muster.js';

/**
 * A module that shortens the random delays in the first seconds of a process. Without this module, tests would wait up
 * to 5 seconds for the first call of an enrolled agent.
 */
const SHORT_DELAYS =
  'data:text/javascript,const r = Math.random; Math.random = () => r() * Math.min(1, Math.max(0.02, performance.now() / 1e3 - 2));';

/** A replayed engine whose containers the test controls, and a real agent. */
export interface FleetHost extends Replay {
  name: string;
  agent: Program;
}

/**
 * Starts an engine without containers, and an agent that enrolls with `enrollToken`. The files of the engine and the
 * agent are in `directory`. `main` is the agent's main program.
 */
export async function startHost(
  muster: Muster,
  directory: string,
  name: string,
  enrollToken: string,
  main = mainOf('agent'),
): Promise<FleetHost> {
  const listen = { socketPath: join(directory, 'engines', `${name}.sock`) };
  const info = { ID: `browser-test-${name}`, Name: name };
  const options = { capturedEngine: 'docker-28.5', listen, seed: crc32(name), roles: [], info } as const;
  const replay = await startReplayedEngine(options);
  return { ...replay, name, agent: startAgent(muster, directory, name, replay.server, enrollToken, main) };
}

/**
 * Starts an agent for a host's engine. The agent enrolls with `enrollToken` if it is not enrolled. All agents of the
 * host use the same state directory.
 */
export const startAgent = (
  { url }: Muster,
  directory: string,
  name: string,
  { dockerHost }: Replay['server'],
  enrollToken: string | null,
  main = mainOf('agent'),
): Program =>
  startProgram(main, {
    nodeArgs: ['--import', SHORT_DELAYS],
    env: {
      MUSTER_URL: url,
      ...(enrollToken === null ? {} : { MUSTER_ENROLL_TOKEN: enrollToken }),
      MUSTER_STATE_DIR: join(directory, 'agents', name),
      DOCKER_HOST: dockerHost,
      LOG_LEVEL: 'error',
    },
  });

/** Creates and starts a container on a host's engine. */
export function runContainer(host: FleetHost, name: string, image = 'docker.io/library/nginx:1.29'): string {
  const id = host.engine.create({
    name,
    image,
    labels: { 'com.docker.compose.project': 'shop', team: 'web' },
    ports: [{ privatePort: 80, publicPort: 8080 }],
    hasHealthCheck: name.includes('api'),
  });
  host.engine.start(id);
  return id;
}

/** A host without an agent, for which a test can send reports that no real agent would send. */
export interface RawHost {
  readonly id: string;
  /** Sends a complete snapshot. */
  sync(containers: readonly object[]): Promise<void>;
  /** Sends a heartbeat with these problems. */
  beat(problems: readonly AgentProblem[], fields?: object): Promise<void>;
}

/**
 * Enrolls a host for which the test makes the agent's calls. `facts` are fields of the enrollment request that add to
 * or replace the default fields.
 */
export async function enrollRawHost(
  muster: Pick<Muster, 'url' | 'enrollmentToken'>,
  facts: { name: string; [field: string]: unknown },
): Promise<RawHost> {
  async function post(path: string, token: string, body: unknown): Promise<unknown> {
    const http = createHttp(muster.url);
    try {
      const { status, text } = await http.send({ method: 'POST', path, token, body: JSON.stringify(body) });
      if (status >= 300) throw new Error(`POST ${path}: ${status} ${text}`);
      return JSON.parse(text);
    } finally {
      await http.close();
    }
  }
  const machine = { engine: { name: 'Docker', version: '28.5.2', apiVersion: '1.51' }, os: 'linux', arch: 'x86_64' };
  const request = { engineId: randomUUID(), agentVersion: '0.1.0', ...machine, ...facts };
  const enrolled = await post(Paths.agentEnroll, await muster.enrollmentToken('a raw host'), request);
  const { hostId, agentToken } = enrolled as EnrollResponse;
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
