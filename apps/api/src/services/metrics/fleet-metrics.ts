import { DOCKER_STATES, Freshness, Health, HostProblemCode } from '@muster/contracts';
import type { Database } from '@muster/db';
import { Gauge, type Registry } from 'prom-client';
import { freshnessCutoffs } from '../freshness/freshness.js';
import { CLONE_SUSPECTED_MS } from '../sync/order.js';
import { countsByWord } from '../sync/state-counts.js';
import { countFleet, type FleetCounts } from '../inventory/count-fleet.sql.js';
import type { ReadFreshnessContext } from '../freshness/freshness-context.js';

/** Milliseconds that a count is good for: several scrapers ask, and it reads every host. */
const COUNT_AGE_MS_MAX = 5_000;

export interface FleetMetricsParts {
  db: Database;
  freshnessContext: ReadFreshnessContext;
  /** Milliseconds of a clock that is never set. */
  elapsedMs: () => number;
  /** Is told why the fleet could not be counted. */
  onFailure: (error: unknown) => void;
}

/** Has a registry tell of all organizations' hosts and containers together, and of the database's connections. */
export function addFleetMetrics(
  registry: Registry,
  { db, freshnessContext, elapsedMs, onFailure }: FleetMetricsParts,
): void {
  const registers = [registry];
  let last: { at: number; counts: Promise<FleetCounts | null> } | null = null;

  async function count(): Promise<FleetCounts | null> {
    try {
      const context = await freshnessContext();
      const clonesFrom = new Date(context.now.getTime() - CLONE_SUSPECTED_MS);
      return await countFleet(db, null, freshnessCutoffs(context), clonesFrom);
    } catch (error) {
      // A database that is away is what the other numbers are needed for.
      onFailure(error);
      return null;
    }
  }
  function counts(): Promise<FleetCounts | null> {
    if (last === null || elapsedMs() - last.at > COUNT_AGE_MS_MAX) last = { at: elapsedMs(), counts: count() };
    return last.counts;
  }

  new Gauge({
    name: 'muster_fleet_counted',
    help: '1 if the database could be asked for the numbers of hosts and containers, else 0, and those are missing.',
    registers,
    async collect() {
      this.set((await counts()) === null ? 0 : 1);
    },
  });
  new Gauge({
    name: 'muster_hosts',
    help: 'Hosts, by how current they are.',
    labelNames: ['freshness'],
    registers,
    async collect() {
      this.reset();
      const counted = await counts();
      if (counted === null) return;
      for (const freshness of Freshness.options) this.set({ freshness }, counted.hosts[freshness] ?? 0);
    },
  });
  new Gauge({
    name: 'muster_hosts_clone_suspected',
    help: 'Hosts whose token two machines were seen to use in the last day.',
    registers,
    async collect() {
      const counted = await counts();
      if (counted === null) this.remove();
      else this.set(counted.cloneSuspected);
    },
  });

  new Gauge({
    name: 'muster_host_problems',
    help: 'Hosts by what keeps their state from being current or complete. A host may count under several codes.',
    labelNames: ['code'],
    registers,
    async collect() {
      this.reset();
      const counted = await counts();
      if (counted === null) return;
      for (const code of HostProblemCode.options) this.set({ code }, counted.problems[code] ?? 0);
    },
  });

  const containers = (name: string, help: string, label: string, words: readonly string[], isHealth: boolean) =>
    new Gauge({
      name,
      help,
      labelNames: [label, 'known'],
      registers,
      async collect() {
        this.reset();
        const counted = await counts();
        if (counted === null) return;
        for (const known of ['current', 'last'] as const) {
          const { containersByState, containersByHealth } = countsByWord(
            counted[known === 'current' ? 'current' : 'lastKnown'],
          );
          const sums = amongWords(isHealth ? containersByHealth : containersByState, words);
          for (const [word, sum] of sums) this.set({ [label]: word, known }, sum);
        }
      },
    });
  const KNOWN = 'known="last": as their host said before it fell silent.';
  containers('muster_containers', `Present containers, by state. ${KNOWN}`, 'state', DOCKER_STATES, false);
  containers(
    'muster_containers_checked',
    `Present containers that have a health check, by health. ${KNOWN}`,
    'health',
    Health.options,
    true,
  );

  new Gauge({
    name: 'muster_database_connections',
    help: 'Connections of this process to the database.',
    labelNames: ['state'],
    registers,
    collect() {
      const { busy, idle } = db.connections();
      this.set({ state: 'busy' }, busy);
      this.set({ state: 'idle' }, idle);
    },
  });
  new Gauge({
    name: 'muster_database_connections_max',
    help: 'Connections that this process may have to the database.',
    registers,
    collect() {
      this.set(db.connections().max);
    },
  });
  new Gauge({
    name: 'muster_database_waiting',
    help: 'Queries of this process that wait for a connection.',
    registers,
    collect() {
      this.set(db.connections().waiting);
    },
  });
}

/** Counts by these words, and by `other`, for an engine may say any word, and each would be a series. */
function amongWords(counts: Readonly<Record<string, number>>, words: readonly string[]): Map<string, number> {
  const sums = new Map([...words, 'other'].map((word) => [word, 0]));
  for (const [word, count] of Object.entries(counts)) {
    const series = sums.has(word) ? word : 'other';
    sums.set(series, sums.get(series)! + count);
  }
  return sums;
}
