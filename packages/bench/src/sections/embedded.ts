/** Embedded: the API with the database in its own process, as it runs without DATABASE_URL. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { canonicalContainer, Paths, type Container } from '@muster/contracts';
import { enrollRequest, startLoad, type SeededHost, type Traffic } from '@muster/fleet';
import { newToken, ProgramError, withDisposables, withTemporaryDirectory } from '@muster/testkit';
import { createHttp, type Call } from '@muster/testkit/http';
import { spread, type Latency, type Spread } from '@muster/testkit/report';
import type { Bench } from '../plan.js';
import { startFleet } from '../lane.js';
import { startServer } from '../program.js';
import { VerificationError } from '../verify.js';

export interface EmbeddedFigures {
  perSecond: Spread;
  /** Of the last round. */
  latencyMs: Latency;
}

export interface EmbeddedResult {
  hosts: number;
  containers: number;
  connections: number;
  /** The time from the start of the process until it is ready, in ms, and its memory at that time. */
  cold: { ms: number; rssBytes: number };
  warm: { ms: Spread; rssBytes: number };
  heartbeat: EmbeddedFigures;
  changed: EmbeddedFigures;
  /** Memory after the load. */
  rssBytes: number;
}

/** Runs the section. @throws VerificationError, or ProgramError if a request failed. */
export function runEmbedded(bench: Omit<Bench, 'cluster'>): Promise<EmbeddedResult> {
  return withTemporaryDirectory((directory) => runIn(join(directory, 'data'), bench));
}

function runIn(dataDirectory: string, { plan, signal, progress }: Omit<Bench, 'cluster'>): Promise<EmbeddedResult> {
  const { hosts: count, containers, connections, turnMs, warmStarts } = plan.embedded;
  const adminKey = newToken();
  return withDisposables(async (use) => {
    const start = async () => {
      const started = await startServer('muster', { MUSTER_DATA_DIR: dataDirectory }, adminKey);
      const server = use(started, (each) => each.stop());
      return { server, ms: server.readyMs, rssBytes: (await server.loop()).rssBytes };
    };
    const generator = use(startLoad({ signal }), (each) => each.stop());
    const { server, ...cold } = await start();
    const http = use(createHttp(server.url), (each) => each.close());
    const call = async <T>(request: Call): Promise<T> => {
      const { status, text } = await http.send(request);
      if (status < 200 || status > 299) throw new ProgramError(`${request.path}: ${status} ${text}`);
      return JSON.parse(text) as T;
    };

    // No other process can open this database, so the hosts enroll over HTTP.
    const body = JSON.stringify({ name: 'bench', maxUses: count });
    const path = Paths.enrollmentTokens;
    const { token } = await call<{ token: string }>({ method: 'POST', path, token: adminKey, body });
    const hosts: SeededHost[] = [];
    for (let i = 0; i < count; i++) {
      const request = enrollRequest(token, `bench-${i}`);
      const { hostId, agentToken } = await call<{ hostId: string; agentToken: string }>(request);
      hosts.push({ id: hostId, token: agentToken, stream: randomUUID() });
    }
    const shape = { seed: plan.seed, containers, mix: 'running' } as const;
    const fleet = await startFleet(generator, { name: 'embedded', port: server.port, hosts, ...shape });

    const measure = async (traffic: Traffic): Promise<EmbeddedFigures> => {
      const rates: number[] = [];
      let latencyMs: Latency | null = null;
      for (let round = 0; round <= plan.rounds; round++) {
        signal.throwIfAborted();
        const { ok, ms, okMs } = await fleet.send({ connections, traffic, until: { durationMs: turnMs } });
        if (round > 0) rates.push((1_000 * ok) / ms);
        latencyMs = okMs;
      }
      return { perSecond: spread(rates), latencyMs: latencyMs! };
    };
    const heartbeat = await measure({ kind: 'heartbeat' });
    const changed = await measure({ kind: 'changed', change: 'restarted', percent: 2 });
    const { rssBytes } = await server.loop();
    for (const { id, simulated, progress } of await fleet.finish()) {
      const rows = `${Paths.containers}?presence=all&limit=200&hostId=${id}`;
      const { items } = await call<{ items: Container[] }>({ path: rows, token: adminKey });
      if (textOf(items) === textOf(simulated.snapshot(progress))) continue;
      throw new VerificationError(`embedded: host ${id} differs from its snapshot`);
    }

    await server.stop();
    const starts: { ms: number; rssBytes: number }[] = [];
    for (let i = 0; i < warmStarts; i++) {
      const { server: restarted, ...measured } = await start();
      starts.push(measured);
      await restarted.stop();
    }
    const warm = {
      ms: spread(starts.map(({ ms }) => ms)),
      rssBytes: Math.max(...starts.map((each) => each.rssBytes)),
    };
    progress('embedded');
    return { hosts: count, containers, connections, cold, warm, heartbeat, changed, rssBytes };
  });
}

/** Returns equal texts for equal containers in any order. */
const textOf = (containers: readonly Container[]): string =>
  containers
    .map((container) => JSON.stringify(canonicalContainer(container)))
    .sort()
    .join('\n');
