import { eventually, newToken, withDisposables } from '@muster/testkit';
import { heartbeatRequest, markerOf, type AgentSession, numberedSnapshot, snapshotRequest } from '@muster/fleet';
import { createHttp, type Call, type Http } from '@muster/testkit/http';
import { never, type Finding, type Guarantee, type CheckContext } from '../../../src/faults/guarantee.js';
import { enroll } from '../parts/agent.js';
import { startApi, type Api, type ApiOptions } from '../parts/api.js';
import { createEnrollment, createOperator, type Operator } from '../parts/operator.js';
import { startProxy } from '../parts/proxy.js';
import { withServer } from '../parts/server.js';

/** Replacing replicas one after the other under load fails no request and loses no data. */
export const deploy: Guarantee = {
  title: 'A rolling deploy loses nothing',
  check: (context) =>
    withServer(async ({ createDatabase }) => deployRepeatedly(context, await createDatabase('faults_deploy'))),
};

const REPLICAS = 2;

interface Tally {
  requests: number;
  failures: string[];
}

async function deployRepeatedly({ plan, progress }: CheckContext, databaseUrl: string): Promise<Finding[]> {
  return withDisposables(async (use) => {
    const options: ApiOptions = {
      env: { DATABASE_URL: databaseUrl, MUSTER_AGENT_REQUESTS_PER_MINUTE: '0' },
      adminKey: newToken(),
    };
    const replicas: Api[] = [];
    use(replicas, (some) => Promise.all(some.map(({ program }) => program.stop('SIGKILL'))));
    for (let i = 0; i < REPLICAS; i++) replicas.push(await startApi(options));

    const proxy = use(await startProxy(replicas.map(({ url }) => url)), (each) => each.close());
    const client = use(createHttp(proxy.url), (each) => each.close());
    const operator = createOperator(client, options.adminKey);
    const { token } = await createEnrollment(operator, plan.deploy.connections);

    const tally: Tally = { requests: 0, failures: [] };
    let isDeploying = true;
    const isOver = () => !isDeploying && tally.requests >= plan.deploy.requests;
    // All agents enroll before the first deploy, because a failed enrollment would end the check without a result.
    const agents = await Promise.all(
      Array.from({ length: plan.deploy.connections }, (_, host) => enroll(client, token, `rolled-over-${host}`)),
    );
    const hosts = agents.map((agent, host) =>
      reportAndRead({ host, agent, client, adminKey: options.adminKey, tally, isOver }),
    );
    const exits: (number | null)[] = [];
    for (let round = 1; round <= plan.deploy.deploys; round++) {
      for (let i = 0; i < REPLICAS; i++) {
        const old = replicas[i]!;
        exits.push(await old.program.stop('SIGTERM'));
        replicas[i] = await startApi({ ...options, port: old.port });
        await eventually(() => {
          if (proxy.ready() < REPLICAS) throw new Error('the proxy did not detect the new replica');
        });
      }
      progress(`deploy: ${round} of ${plan.deploy.deploys}, ${tally.requests} requests so far`);
    }
    isDeploying = false;
    const last = await Promise.all(hosts);
    for (const failure of tally.failures.slice(0, 10)) progress(`deploy: ${failure}`);

    const badExits = exits.filter((code) => code !== 0).length;
    return [
      never(`failed requests in ${plan.deploy.deploys} deploys`, tally.failures.length, tally.requests, 'requests'),
      never('hosts that differ from their last snapshot', await countDiffering(operator, last), last.length, 'hosts'),
      never('replicas whose exit code was not 0', badExits, exits.length, 'replicas'),
    ];
  });
}

interface ReportAndReadOptions {
  host: number;
  agent: AgentSession;
  client: Http;
  adminKey: string;
  tally: Tally;
  isOver: () => boolean;
}

/**
 * Sends reports of a host and reads the stored state as an operator, until `isOver` returns true. Returns the last
 * snapshot.
 */
async function reportAndRead({
  host,
  agent,
  client,
  adminKey,
  tally,
  isOver,
}: ReportAndReadOptions): Promise<LastSnapshot> {
  const send = async (call: Call) => {
    tally.requests += 1;
    try {
      const { status, text } = await client.send(call);
      if (status !== 200) tally.failures.push(`${call.path} answered ${status}: ${text.slice(0, 200)}`);
    } catch (error) {
      tally.failures.push(String(error));
    }
  };
  let generation = 0;
  while (!isOver()) {
    generation += 1;
    await send(snapshotRequest(agent, JSON.stringify(numberedSnapshot(host, generation))));
    await send(heartbeatRequest(agent, null));
    await send({ path: `/api/containers?hostId=${agent.hostId}`, token: adminKey });
  }
  return { host, hostId: agent.hostId, generation };
}

interface LastSnapshot {
  host: number;
  hostId: string;
  generation: number;
}

async function countDiffering(operator: Operator, hosts: readonly LastSnapshot[]): Promise<number> {
  let count = 0;
  for (const { host, hostId, generation } of hosts) {
    const containers = await operator.all('listContainers', { query: { hostId: [hostId] } });
    const expected = numberedSnapshot(host, generation);
    const marker = containers.find(({ dockerId }) => dockerId === markerOf(host));
    if (containers.length !== expected.length || marker?.image !== expected[0]!.image) count += 1;
  }
  return count;
}
