import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, type Client } from '@muster/client';
import { formatToken, TOKEN_RANDOM_BYTES } from '@muster/contracts';
import {
  loadCapture,
  ReplayedEngine,
  seededRandom,
  serveReplay,
  type ReplayServer,
} from '@muster/testkit/engine-replay';
import { eventually, mainOf, startProgram, type Program } from '@muster/testkit';
import type { BrowserContext } from 'playwright-core';

export const OWNER = { name: 'Ada Example', email: 'ada@example.org', password: 'correct horse battery staple' };

/** A host of the fleet: a replayed engine whose containers the test controls, and a real agent. */
export interface FleetHost {
  name: string;
  engine: ReplayedEngine;
  server: ReplayServer;
  agent: Program;
}

/** An API process that serves the built dashboard, and a fleet that reports to it. */
export interface Dashboard {
  readonly url: string;
  /** A client of the API with an admin key. */
  readonly api: Client;
  /** Reads the setup link of the first start. */
  setupLink(): Promise<string>;
  /** Signs the context in as the owner. Creates the owner account if it does not exist. */
  signIn(context: BrowserContext): Promise<void>;
  /** Starts an engine without containers, and an agent that enrolls with this token, by default with a new one. */
  addHost(name: string, enrollToken?: string): Promise<FleetHost>;
  /** Restarts a host's agent with its present state directory and another enrollment token. */
  restartAgent(host: FleetHost, enrollToken: string): Promise<void>;
  stopServer(): Promise<void>;
  startServer(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a dashboard on a new embedded database, or on the one at `databaseUrl`. `env` adds environment variables. */
export async function startDashboard(
  databaseUrl: string | null = null,
  env: Readonly<Record<string, string>> = {},
): Promise<Dashboard> {
  const dir = await mkdtemp(join(tmpdir(), 'muster-browser-'));
  const key = formatToken('key', randomBytes(TOKEN_RANDOM_BYTES));
  const hosts: FleetHost[] = [];
  let server: Program | null = null;
  let url = '';

  async function startServer(): Promise<void> {
    const program = startProgram(mainOf('api'), {
      env: {
        ...{ HOST: '127.0.0.1', PORT: url === '' ? '0' : new URL(url).port, LOG_LEVEL: 'warn' },
        ...{ MUSTER_DATA_DIR: join(dir, 'data'), MUSTER_ADMIN_KEY: key, MUSTER_DRAIN_SECONDS: '0' },
        ...{ MUSTER_HEARTBEAT_SECONDS: '1', MUSTER_SNAPSHOT_SECONDS: '5' },
        ...(databaseUrl === null ? {} : { DATABASE_URL: databaseUrl }),
        ...env,
      },
    });
    server = program;
    url = await eventually(() => {
      const line = /Muster is listening on (\S+)/.exec(program.stdout());
      if (line) return line[1]!;
      throw new Error(`the API is not listening: ${program.stderr()}`);
    }, 120_000);
  }

  const startAgent = (name: string, { dockerHost }: ReplayServer, enrollToken: string): Program =>
    startProgram(mainOf('agent'), {
      env: {
        ...{ MUSTER_URL: url, MUSTER_ENROLL_TOKEN: enrollToken, MUSTER_STATE_DIR: join(dir, 'agents', name) },
        ...{ DOCKER_HOST: dockerHost, LOG_LEVEL: 'error' },
      },
    });

  await startServer();
  const api = createClient({ url, key });
  const setupLink = async (): Promise<string> => (await readFile(join(dir, 'data', 'setup-link'), 'utf8')).trim();

  return {
    url,
    api,
    setupLink,
    startServer,
    async signIn(context) {
      const headers = { Origin: url };
      const { name, email, password } = OWNER;
      const { setupRequired } = await api.call('getSignInOptions');
      const token = setupRequired ? new URL(await setupLink()).hash.replace('#token=', '') : '';
      const answer = !setupRequired
        ? await context.request.post(`${url}/api/session`, { headers, data: { email, password } })
        : await context.request.post(`${url}/api/setup`, { headers, data: { token, name, email, password } });
      if (answer.status() !== 201) throw new Error(`sign-in failed: ${await answer.text()}`);
    },
    async addHost(name, enrollToken) {
      const capture = await loadCapture('docker-28.5');
      const engine = new ReplayedEngine(capture, { nowMs: Date.now, random: seededRandom(hosts.length + 1) });
      const listen = { socketPath: join(dir, 'engines', `${name}.sock`) };
      const engineServer = await serveReplay(engine, listen, { ID: `browser-test-${name}`, Name: name });
      const token = enrollToken ?? (await api.call('createEnrollmentToken', { body: { name } })).token;
      const host = { name, engine, server: engineServer, agent: startAgent(name, engineServer, token) };
      hosts.push(host);
      return host;
    },
    async restartAgent(host, enrollToken) {
      await host.agent.stop();
      host.agent = startAgent(host.name, host.server, enrollToken);
    },
    async stopServer() {
      await server?.stop();
    },
    async close() {
      await Promise.all(hosts.map(({ agent }) => agent.stop()));
      await Promise.all(hosts.map((host) => host.server.close()));
      await server?.stop();
      await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    },
  };
}

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
