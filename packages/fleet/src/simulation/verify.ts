import type { ContainerView } from '@muster/contracts';
import pMap from 'p-map';
import { compareContainers, compareHost, compareRemoved, type ExpectedHost } from '../compare.js';
import { ApiError, type Operator } from '../operator.js';

/** Number of concurrent requests: enough to keep the API busy, but too few to be a load test. */
const CONCURRENCY = 4;

/** The API's limit for the values of one filter. */
const HOSTS_PER_QUERY = 50;

/** Maximum number of hosts whose removed containers are compared. */
const REMOVED_HOSTS_MAX = 100;

/**
 * Compares the API's state with the expected state: first the hosts, because their freshness ages in the meantime, then
 * their present containers, and then the removed containers of some hosts. The engine ids of this run's hosts, and no
 * other ids, start with `engineIdPrefix`. Returns how much was compared, and a sentence for each difference.
 */
export async function verify(
  operator: Operator,
  fleet: readonly ExpectedHost[],
  { engineIdPrefix, now }: { engineIdPrefix: string; now: () => number },
) {
  const differences: string[] = [];
  const result = { hosts: fleet.length, containers: 0, removed: 0, differences };
  const list = (hosts: readonly ExpectedHost[], presence: 'present' | 'removed') =>
    operator.all('listContainers', { query: { presence, hostId: hosts.map(({ hostId }) => hostId) } });

  async function verifyHosts(): Promise<void> {
    const fromMs = now();
    const byId = new Map((await operator.all('listHosts')).map((host) => [host.id, host]));
    const read = { fromMs, untilMs: now() };
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
    result.removed += expected.removed.length;
    differences.push(...compareRemoved(expected, await list([expected], 'removed')));
  }

  try {
    await verifyHosts();
    // Queried by host, because the database can contain containers of other hosts.
    const starts = fleet.map((_, index) => index).filter((index) => index % HOSTS_PER_QUERY === 0);
    const groups = starts.map((start) => fleet.slice(start, start + HOSTS_PER_QUERY));
    await pMap(groups, verifyContainers, { concurrency: CONCURRENCY });
    const sample = fleet.filter(({ removed }) => removed.length > 0).slice(0, REMOVED_HOSTS_MAX);
    await pMap(sample, verifyRemoved, { concurrency: CONCURRENCY });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    differences.push(`the comparison could not be finished: ${error.message}`);
  }
  return result;
}
