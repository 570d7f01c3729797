import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { EnrollmentTokenCreated, Paths, TOKEN_RANDOM_BYTES, formatToken } from '@muster/contracts';
import { startReplayedEngine, type Role } from '@muster/testkit/engine-replay';
import { eventually, mainOf, startProgram } from '@muster/testkit';
import { startRelay, type Relay } from './relay.js';

const START_MS_MAX = 120_000;

/** The built API, which runs with its own embedded database and the default intervals of heartbeats and snapshots. */
export interface Api {
  readonly url: string;
  enrollmentToken(): Promise<string>;
  close(): Promise<void>;
}

/** Starts the API with its database in `dir`. Throws with the content of stderr if it does not start. */
export async function startApi(dir: string): Promise<Api> {
  const key = formatToken('key', randomBytes(TOKEN_RANDOM_BYTES));
  const program = startProgram(mainOf('api'), {
    env: {
      HOST: '127.0.0.1',
      PORT: '0',
      MUSTER_DATA_DIR: join(dir, 'data'),
      MUSTER_ADMIN_KEY: key,
      MUSTER_DRAIN_SECONDS: '0',
      LOG_LEVEL: 'warn',
    },
  });
  const url = await eventually(() => {
    const line = /Muster is listening on (\S+)/.exec(program.stdout());
    if (line) return line[1]!;
    throw new Error(`the API did not start: ${program.stderr()}`);
  }, START_MS_MAX).catch(async (error: unknown) => {
    await program.stop('SIGKILL');
    throw error;
  });
  return {
    url,
    async enrollmentToken() {
      const response = await fetch(url + Paths.enrollmentTokens, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ name: 'footprint' }),
      });
      return EnrollmentTokenCreated.parse(await response.json()).token;
    },
    close: async () => void (await program.stop('SIGINT')),
  };
}

/** A measured agent process, with its engine and its connection to the API. */
export interface Subject {
  readonly label: string;
  readonly pid: number;
  readonly relay: Relay;
  /** Throws with the content of stderr if the agent has exited. */
  assertRunning: () => void;
  /** Returns how often the agent requested the container list. */
  listCalls: () => number;
  close: () => Promise<void>;
}

/**
 * Creates the roles of a host's typical containers, which run the services of a Compose project. One container in five
 * has a health check.
 */
const steadyRoles = (count: number): Role[] =>
  Array.from({ length: count }, (_, i) => ({
    behavior: 'steady' as const,
    name: `shop-service-${i}-1`,
    image: `registry.example.com/shop/service-${i}:1.4.2`,
    command: `/usr/local/bin/service --listen 0.0.0.0:8080 --instance ${i}`,
    hasHealthCheck: i % 5 === 0,
    ports: [{ privatePort: 8080, publicPort: 20_000 + i }],
    labels: {
      'com.docker.compose.project': 'shop',
      'com.docker.compose.service': `service-${i}`,
      'com.docker.compose.container-number': '1',
      'org.opencontainers.image.source': `https://git.example.com/shop/service-${i}`,
    },
  }));

/** Starts `command` as an agent that reports an engine with `containers` containers to the API. */
export async function startSubject(options: {
  label: string;
  command: readonly string[];
  containers: number;
  dir: string;
  api: Api;
}): Promise<Subject> {
  const { label, command, containers, dir, api } = options;
  const replayed = await startReplayedEngine({
    capturedEngine: 'docker-28.5',
    seed: 1,
    roles: steadyRoles(containers),
    listen: { socketPath: join(dir, 'engine.sock') },
    // A separate engine id makes each agent report as a different host.
    info: { ID: randomUUID(), Name: label },
  });
  const { server } = replayed;
  const relay = await startRelay(api.url);
  const [program, ...args] = command;
  const agent = spawn(program!, args, {
    env: {
      PATH: process.env['PATH'],
      HOME: dir,
      MUSTER_STATE_DIR: join(dir, 'state'),
      MUSTER_URL: relay.url,
      MUSTER_ENROLL_TOKEN: await api.enrollmentToken(),
      DOCKER_HOST: server.dockerHost,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await once(agent, 'spawn');
  let stderr = '';
  agent.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exit = new Promise((resolve) => void agent.once('close', resolve));
  return {
    label,
    pid: agent.pid!,
    relay,
    assertRunning() {
      if (agent.exitCode !== null || agent.signalCode !== null) throw new Error(`${label} has exited: ${stderr}`);
    },
    listCalls: () => server.calls.list,
    async close() {
      agent.kill('SIGTERM');
      await exit;
      await relay.close();
      await replayed.close();
    },
  };
}
