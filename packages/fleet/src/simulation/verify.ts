import { compareContainers, compareHost, compareRemoved } from '../compare.js';
import type { ContainerView } from '@muster/contracts';
import { ApiError, HOSTS_PER_QUERY, type Operator } from '../operator.js';
import { inParallel } from './parallel.js';
import type { Told } from './told.js';

/** What was compared, and what differs, each difference in words. */
export interface Verification {
  hosts: number;
  containers: number;
  /** Containers that were looked up among the removed. */
  removed: number;
  differences: string[];
}

/** Queries at a time: enough to keep the API busy, and few enough not to be a load test of their own. */
const QUERIES_WIDTH = 4;

/** Hosts whose removed containers are looked up. */
const REMOVED_HOSTS_MAX = 100;

/**
 * Compares what the API says of these hosts with what it was told: hosts first, for their freshness ages while the
 * rest is read; then their present containers, by groups of hosts, so that what else the database holds does not
 * matter; then, of some, the removed ones. `engineIdPrefix`: what the engine ids of this run's hosts, and no other,
 * begin with.
 */
export async function verify(
  operator: Operator,
  fleet: readonly Told[],
  { engineIdPrefix, now }: { engineIdPrefix: string; now: () => number },
): Promise<Verification> {
  const result: Verification = { hosts: fleet.length, containers: 0, removed: 0, differences: [] };
  try {
    await verifyHosts();
    await verifyContainers();
    await verifyRemoved();
  } catch (error) {
    // What was found until then, and what the run measured, is still worth telling.
    if (!(error instanceof ApiError)) throw error;
    result.differences.push(`the comparison could not be finished: ${error.message}`);
  }
  return result;

  async function verifyHosts(): Promise<void> {
    const fromMs = now();
    const byId = new Map((await operator.hosts()).map((host) => [host.id, host]));
    const readMs = { fromMs, untilMs: now() };
    for (const told of fleet) {
      result.differences.push(...compareHost(told, byId.get(told.hostId), readMs));
      byId.delete(told.hostId);
    }
    for (const { name, engineId } of byId.values()) {
      if (!engineId.startsWith(engineIdPrefix)) continue;
      result.differences.push(`${name} is among the hosts, though its enrolment was never answered`);
    }
  }

  async function verifyContainers(): Promise<void> {
    const groups = Array.from({ length: Math.ceil(fleet.length / HOSTS_PER_QUERY) }, (_, group) =>
      fleet.slice(group * HOSTS_PER_QUERY, (group + 1) * HOSTS_PER_QUERY),
    );
    await inParallel(groups, QUERIES_WIDTH, async (group) => {
      const ids = group.map(({ hostId }) => hostId);
      const byHost = groupByHost(await operator.containers(ids, 'present'));
      for (const told of group) {
        const views = byHost.get(told.hostId) ?? [];
        result.containers += views.length;
        result.differences.push(...compareContainers(told, views));
      }
    });
  }

  async function verifyRemoved(): Promise<void> {
    const sample = fleet.filter(({ removed }) => removed.length > 0).slice(0, REMOVED_HOSTS_MAX);
    await inParallel(sample, QUERIES_WIDTH, async (told) => {
      result.removed += told.removed.length;
      result.differences.push(...compareRemoved(told, await operator.containers([told.hostId], 'removed')));
    });
  }
}

function groupByHost(views: readonly ContainerView[]): Map<string, ContainerView[]> {
  const byHost = new Map<string, ContainerView[]>();
  for (const view of views) {
    const group = byHost.get(view.hostId);
    if (group === undefined) byHost.set(view.hostId, [view]);
    else group.push(view);
  }
  return byHost;
}
