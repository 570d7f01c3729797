/** Embedded: the API with the database in its own process, as it runs without DATABASE_URL. */
import { join } from 'node:path';
import { canonicalContainer, parseStatus } from '@muster/contracts';
import { compareContainers, createOperator, MACHINE, startLoad, type SeededHost, type Traffic } from '@muster/fleet';
import { newToken, withTemporaryDirectory } from '@muster/testkit';
import { createHttp } from '@muster/testkit/http';
import { spread } from '@muster/testkit/report';
import type { Bench } from '../plan.js';
import { startFleet, startServer } from '../measured-fleet.js';
import { takeRounds } from '../measure/turn.js';
import { VerificationError } from '../verify.js';

/** Runs the section. @throws VerificationError, or ProgramError or ApiError if a request failed. */
export function runEmbedded({ plan, progress }: Omit<Bench, 'cluster'>) {
  const { hosts: count, containers, connections, turnMs, warmStarts } = plan.embedded;
  const adminKey = newToken();
  return withTemporaryDirectory(async (directory, use) => {
    /** Starts the API. Returns the server, the milliseconds until it was ready, and its memory at that time. */
    const start = async () => {
      const started = await startServer('muster', { MUSTER_DATA_DIR: join(directory, 'data') }, adminKey);
      const server = use(started, (each) => each.stop());
      return { server, ms: server.readyMs, rssBytes: (await server.call('loop')).rssBytes };
    };
    const generator = use(startLoad(), (each) => each.stop());
    const { server, ...cold } = await start();
    const http = use(createHttp(server.url), (each) => each.close());
    const operator = createOperator(http, adminKey);

    // No other process can open this database, so the hosts enroll over HTTP.
    const { token } = await operator.call('createEnrollmentToken', { body: { name: 'bench', maxUses: count } });
    const newHosts = createOperator(http, token);
    const hosts: SeededHost[] = [];
    for (let i = 0; i < count; i++) {
      const name = `bench-${i}`;
      const { hostId, agentToken } = await newHosts.call('enroll', { body: { ...MACHINE, name, engineId: name } });
      hosts.push({ id: hostId, token: agentToken });
    }
    const shape = { seed: plan.seed, containers, mix: 'running' } as const;
    const fleet = await startFleet(generator, { name: 'embedded', port: server.port, hosts, ...shape });

    const measure = async (traffic: Traffic) => {
      const load = { connections, traffic, until: { durationMs: turnMs } };
      const turns = (await takeRounds(plan.rounds, [fleet], ({ send }) => send(load))).get(fleet)!;
      const perSecond = spread(turns.map(({ ok, ms }) => (1_000 * ok) / ms));
      // The latency is from the last round.
      return { perSecond, latencyMs: turns.at(-1)!.okMs };
    };
    const heartbeat = await measure({ kind: 'heartbeat' });
    const changed = await measure({ kind: 'changed', change: 'restarted', percent: 2 });
    // The memory after the load.
    const { rssBytes } = await server.call('loop');
    for (const { id, simulated, progress } of await fleet.finish()) {
      const items = await operator.all('listContainers', { query: { presence: 'all', hostId: [id] } });
      const containers = simulated
        .snapshot(progress)
        .map((each) => ({ text: JSON.stringify(canonicalContainer(each)), derived: parseStatus(each.status) }));
      const [difference] = compareContainers({ name: `embedded: host ${id}`, containers }, items);
      if (difference !== undefined) throw new VerificationError(difference);
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
