/** Embedded: the API with the database in its own process, as it starts without DATABASE_URL. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalContainer, Paths, type Container } from '@muster/contracts';
import type { Bench } from '../bench.js';
import type { SeededHost } from '@muster/fleet';
import { type Latency, spread, type Spread } from '@muster/testkit/report';
import { startGenerator } from '../load/client.js';
import type { Traffic } from '../load/fleet.js';
import { ProgramError } from '@muster/testkit';
import { startServer, type ServerProcess } from '../program.js';
import { VerificationError } from '../verify.js';
import { simulateHost } from '../workload.js';
import { everyHostOnce, newAdminKey } from './http.js';

export interface EmbeddedFigures {
  perSecond: Spread;
  latencyMs: Latency;
}

export interface EmbeddedResult {
  hosts: number;
  containers: number;
  connections: number;
  /** From the start of the process to its being ready, in ms, and its memory then. */
  cold: { ms: number; rssBytes: number };
  warm: { ms: Spread; rssBytes: number };
  heartbeat: EmbeddedFigures;
  changed: EmbeddedFigures;
  /** Memory after all that. */
  rssBytes: number;
}

/** Runs the section. @throws VerificationError, or ProgramError if a request failed. */
export async function runEmbedded({ plan, signal, progress }: Omit<Bench, 'cluster'>): Promise<EmbeddedResult> {
  const { hosts: count, containers, connections, turnMs, warmStarts } = plan.embedded;
  const directory = await mkdtemp(join(tmpdir(), 'muster-bench-'));
  const key = newAdminKey();
  const limits = { MUSTER_AGENT_REQUESTS_PER_MINUTE: '0' };
  const env = { ...limits, MUSTER_DATA_DIR: join(directory, 'data'), PORT: '0', MUSTER_ADMIN_KEY: key };
  const generator = startGenerator(signal);
  let server = await startServer('muster', env);
  try {
    const cold = { ms: server.startMs, rssBytes: (await server.read()).rssBytes };
    const hosts = await enrol(server, key, count);
    await generator.fleet('embedded', { hosts, seed: plan.seed, containers, mix: 'running' });
    await generator.load({ ...everyHostOnce('embedded'), port: server.port });

    const measure = async (traffic: Traffic): Promise<EmbeddedFigures> => {
      const rounds = [];
      for (let round = 0; round <= plan.rounds; round++) {
        signal.throwIfAborted();
        const load = { fleet: 'embedded', port: server.port, connections, traffic, extent: { durationMs: turnMs } };
        const { requests, ms, latencyMs } = await generator.load(load);
        if (round > 0) rounds.push({ perSecond: (1_000 * requests) / ms, latencyMs });
      }
      const latest = rounds.at(-1)!.latencyMs;
      return { perSecond: spread(rounds.map(({ perSecond }) => perSecond)), latencyMs: latest };
    };
    const heartbeat = await measure({ kind: 'heartbeat' });
    const changed = await measure({ kind: 'changed', change: 'restarted', percent: 2 });
    const { rssBytes } = await server.read();
    await generator.load({ ...everyHostOnce('embedded'), port: server.port });
    for (const [index, state] of (await generator.progress('embedded')).entries()) {
      const simulated = simulateHost({ seed: plan.seed, index, containers, mix: 'running' });
      await verifyByApi(server, key, hosts[index]!.id, simulated.snapshot(state));
    }

    const starts: { ms: number; rssBytes: number }[] = [];
    for (let i = 0; i < warmStarts; i++) {
      await server.stop();
      server = await startServer('muster', env);
      starts.push({ ms: server.startMs, rssBytes: (await server.read()).rssBytes });
    }
    const warm = {
      ms: spread(starts.map(({ ms }) => ms)),
      rssBytes: Math.max(...starts.map((start) => start.rssBytes)),
    };
    progress('embedded');
    return { hosts: count, containers, connections, cold, warm, heartbeat, changed, rssBytes };
  } finally {
    await Promise.all([generator.stop(), server.stop()]);
    await rm(directory, { recursive: true, force: true });
  }
}

async function call<T>({ port }: ServerProcess, path: string, token: string, body?: object): Promise<T> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new ProgramError(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

/** As agents do it: nobody else gets into this database. */
async function enrol(server: ServerProcess, key: string, count: number): Promise<SeededHost[]> {
  const { token } = await call<{ token: string }>(server, Paths.enrollmentTokens, key, {
    name: 'bench',
    maxUses: count,
  });
  const hosts: SeededHost[] = [];
  for (let i = 0; i < count; i++) {
    const { hostId, agentToken } = await call<{ hostId: string; agentToken: string }>(
      server,
      Paths.agentEnroll,
      token,
      {
        ...{
          name: `bench-${i}`,
          engineId: `bench-${i}`,
          os: 'Debian GNU/Linux 12',
          arch: 'x86_64',
          agentVersion: '0.1.0',
        },
        engine: { name: 'docker', version: '28.5.2', apiVersion: '1.51' },
      },
    );
    hosts.push({ id: hostId, token: agentToken, stream: randomUUID() });
  }
  return hosts;
}

async function verifyByApi(
  server: ServerProcess,
  key: string,
  hostId: string,
  snapshot: readonly Container[],
): Promise<void> {
  const path = `${Paths.containers}?presence=all&limit=200&hostId=${hostId}`;
  const { items } = await call<{ items: Container[] }>(server, path, key);
  const textOf = (containers: readonly Container[]) =>
    containers
      .map((container) => JSON.stringify(canonicalContainer(container)))
      .sort()
      .join('\n');
  if (textOf(items) !== textOf(snapshot))
    throw new VerificationError(`embedded: host ${hostId} differs from its snapshot`);
}
