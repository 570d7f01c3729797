import type { ContainerView } from '@muster/contracts';
import pMap from 'p-map';
import {
  compareContainers,
  compareFreshness,
  compareHistory,
  compareHost,
  compareRemoved,
  type ExpectedHost,
} from '../compare.js';
import { ApiError, type Operator } from '../operator.js';

/** Number of concurrent requests: enough to keep the API busy, but too few to be a load test. */
const CONCURRENCY = 4;

/** The API's maximum number of values of one filter. */
const HOSTS_PER_QUERY = 50;

/** Maximum number of hosts whose removed containers and history are compared. */
const SAMPLE_HOSTS_MAX = 100;

/**
 * Compares the freshness of the hosts while most of them have recently sent only heartbeats. Call this function before
 * the agents send their last snapshots, because these snapshots make every host online.
 */
export async function verifyFreshness(operator: Operator, fleet: readonly ExpectedHost[], now: () => number) {
  const differences: string[] = [];
  await compareOrReport(differences, async () => {
    const { byId, read } = await readHosts(operator, now);
    for (const expected of fleet) {
      const host = byId.get(expected.hostId);
      // The final comparison reports a missing host. If the API acknowledged no snapshot, the expected freshness is
      // unknown, because the API may have applied a snapshot without a response.
      if (host === undefined || expected.containers === null) continue;
      differences.push(...compareFreshness(expected, host, read));
    }
  });
  return differences;
}

async function readHosts(operator: Operator, now: () => number) {
  const fromMs = now();
  const byId = new Map((await operator.all('listHosts')).map((host) => [host.id, host]));
  return { byId, read: { fromMs, untilMs: now() } };
}

/** Calls `compare`. If the API cannot be used, adds a difference that says so. */
async function compareOrReport(differences: string[], compare: () => Promise<void>): Promise<void> {
  try {
    await compare();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    differences.push(`the comparison could not be completed: ${error.message}`);
  }
}

/**
 * Compares the API's state with the expected state. It compares the hosts first, because their freshness changes with
 * time. Then it compares the present containers, and finally the removed containers and the history of some hosts. Only
 * the engine ids of this run's hosts start with `engineIdPrefix`. Returns the compared numbers, and a sentence for each
 * difference.
 */
export async function verify(
  operator: Operator,
  fleet: readonly ExpectedHost[],
  { engineIdPrefix, now }: { engineIdPrefix: string; now: () => number },
) {
  const differences: string[] = [];
  const result = { hosts: fleet.length, containers: 0, removed: 0, events: 0, differences };
  const list = (hosts: readonly ExpectedHost[], presence: 'present' | 'removed') =>
    operator.all('listContainers', { query: { presence, infra: true, hostId: hosts.map(({ hostId }) => hostId) } });

  async function verifyHosts(): Promise<void> {
    const { byId, read } = await readHosts(operator, now);
    for (const expected of fleet) {
      differences.push(...compareHost(expected, byId.get(expected.hostId), read));
      byId.delete(expected.hostId);
    }
    const others = [...byId.values()].filter(({ engineId }) => engineId.startsWith(engineIdPrefix));
    for (const { name } of others) {
      differences.push(`${name} is listed, although no agent received a response to its enrollment`);
    }
  }

  async function verifyContainers(hosts: readonly ExpectedHost[]): Promise<void> {
    const byHost = new Map(hosts.map(({ hostId }): [string, ContainerView[]] => [hostId, []]));
    for (const view of await list(hosts, 'present')) byHost.get(view.hostId)?.push(view);
    for (const expected of hosts) {
      const views = byHost.get(expected.hostId)!;
      result.containers += views.length;
      differences.push(...compareContainers(expected, views));
    }
  }

  async function verifyRemoved(expected: ExpectedHost): Promise<void> {
    if (expected.removed.length === 0) return;
    result.removed += expected.removed.length;
    differences.push(...compareRemoved(expected, await list([expected], 'removed')));
  }

  async function verifyHistory(expected: ExpectedHost): Promise<void> {
    const events = await operator.all('listEvents', { query: { hostId: [expected.hostId] } });
    result.events += events.length;
    differences.push(...compareHistory(expected, events.reverse()));
  }

  await compareOrReport(differences, async () => {
    await verifyHosts();
    // Containers are queried by host, because the database can contain other hosts.
    const starts = fleet.map((_, index) => index).filter((index) => index % HOSTS_PER_QUERY === 0);
    const groups = starts.map((start) => fleet.slice(start, start + HOSTS_PER_QUERY));
    await pMap(groups, verifyContainers, { concurrency: CONCURRENCY });
    // Hosts with removed containers come first, because their histories contain every kind of event.
    const sample = fleet.toSorted((a, b) => b.removed.length - a.removed.length).slice(0, SAMPLE_HOSTS_MAX);
    await pMap(sample, verifyRemoved, { concurrency: CONCURRENCY });
    await pMap(sample, verifyHistory, { concurrency: CONCURRENCY });
  });
  return result;
}
