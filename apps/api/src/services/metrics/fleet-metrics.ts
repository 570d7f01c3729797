import { DOCKER_STATES, ExitReason, Freshness, Health, HostProblemCode } from '@muster/contracts';
import type { Database } from '@muster/db';
import { Gauge, type Registry } from 'prom-client';
import { type FreshnessContext, freshnessCutoffs, type ReadFreshnessContext } from '../freshness/index.js';
import { cloneSuspectedFrom, splitStateCounts } from '../sync/index.js';
import { countFleet } from '../inventory/index.js';

/** Milliseconds for which a count is cached, because counting reads every host, and there may be several scrapers. */
const COUNT_AGE_MS_MAX = 5_000;

export interface FleetMetricsOptions {
  db: Database;
  freshnessContext: ReadFreshnessContext;
  /** Returns the milliseconds of a monotonic clock. */
  elapsedMs: () => number;
  /** Called with the error if the fleet could not be counted. */
  onFailure: (error: unknown) => void;
}

/**
 * Returns a function that runs `count` at most once every 5 seconds. The function returns null if the database query
 * failed.
 */
export function cacheCounts<Counts>(
  { freshnessContext, elapsedMs, onFailure }: FleetMetricsOptions,
  count: (context: FreshnessContext) => Promise<Counts>,
): () => Promise<Counts | null> {
  let last: { at: number; counts: Promise<Counts | null> } | null = null;
  async function countOrNull(): Promise<Counts | null> {
    try {
      return await count(await freshnessContext());
    } catch (error) {
      // The other metrics are most needed while the database is unreachable, so the scrape must not fail.
      onFailure(error);
      return null;
    }
  }
  return () => {
    if (last === null || elapsedMs() - last.at > COUNT_AGE_MS_MAX) last = { at: elapsedMs(), counts: countOrNull() };
    return last.counts;
  };
}

/** Adds gauges for the hosts and containers of all organizations together, and for the database connections. */
export function addFleetMetrics(registry: Registry, options: FleetMetricsOptions): void {
  const { db } = options;
  const registers = [registry];
  const counts = cacheCounts(options, (context) =>
    countFleet(db, null, freshnessCutoffs(context), cloneSuspectedFrom(context.now)),
  );

  new Gauge({
    name: 'muster_fleet_counted',
    help: '1 if hosts and containers could be counted; 0 if the database query failed and their metrics are missing.',
    registers,
    async collect() {
      this.set((await counts()) === null ? 0 : 1);
    },
  });
  new Gauge({
    name: 'muster_hosts',
    help: 'Hosts, by freshness.',
    labelNames: ['freshness'],
    registers,
    async collect() {
      this.reset();
      const fleetCounts = await counts();
      if (fleetCounts === null) return;
      for (const freshness of Freshness.options) this.set({ freshness }, fleetCounts.hosts[freshness] ?? 0);
    },
  });
  new Gauge({
    name: 'muster_hosts_clone_suspected',
    help: 'Hosts whose token was used by two machines in the last day.',
    registers,
    async collect() {
      const fleetCounts = await counts();
      if (fleetCounts === null) this.remove();
      else this.set(fleetCounts.cloneSuspected);
    },
  });

  new Gauge({
    name: 'muster_host_problems',
    help: 'Hosts whose state is outdated or incomplete, by problem. A host with several problems counts once for each problem.',
    labelNames: ['code'],
    registers,
    async collect() {
      this.reset();
      const fleetCounts = await counts();
      if (fleetCounts === null) return;
      for (const code of HostProblemCode.options) this.set({ code }, fleetCounts.problems[code] ?? 0);
    },
  });

  const containers = (name: string, help: string, label: string, labelValues: readonly string[], counted: Counted) =>
    new Gauge({
      name,
      help,
      labelNames: [label, 'known'],
      registers,
      async collect() {
        this.reset();
        const fleetCounts = await counts();
        if (fleetCounts === null) return;
        for (const known of ['current', 'last'] as const) {
          const split = splitStateCounts(fleetCounts[known === 'current' ? 'current' : 'lastKnown']);
          const sums = countsOfKeys(split[counted], labelValues);
          for (const [labelValue, sum] of sums) this.set({ [label]: labelValue, known }, sum);
        }
      },
    });
  const KNOWN_LABEL_HELP = 'The series with known="last" count the last known state on hosts that are not current.';
  containers(
    'muster_containers',
    `Present containers, by state. ${KNOWN_LABEL_HELP}`,
    'state',
    DOCKER_STATES,
    'containersByState',
  );
  containers(
    'muster_containers_checked',
    `Present containers that have a health check, by health. ${KNOWN_LABEL_HELP}`,
    'health',
    Health.options,
    'containersByHealth',
  );
  containers(
    'muster_containers_ended',
    `Present containers whose process has ended, by the reason that the agent reported. ${KNOWN_LABEL_HELP}`,
    'reason',
    ExitReason.options,
    'containersByExitReason',
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
    help: 'Maximum number of database connections of this process.',
    registers,
    collect() {
      this.set(db.connections().max);
    },
  });
  new Gauge({
    name: 'muster_database_waiting',
    help: 'Queries of this process that are waiting for a connection.',
    registers,
    collect() {
      this.set(db.connections().waiting);
    },
  });
}

type Counted = Exclude<keyof ReturnType<typeof splitStateCounts>, 'infraCount'>;

/**
 * Sums the counts by these label values. The counts of all other keys are summed as `other`, because each label value
 * becomes a series.
 */
export function countsOfKeys(
  counts: Readonly<Record<string, number>>,
  labelValues: readonly string[],
): Map<string, number> {
  const sums = new Map([...labelValues, 'other'].map((value) => [value, 0]));
  for (const [key, count] of Object.entries(counts)) {
    const labelValue = sums.has(key) ? key : 'other';
    sums.set(labelValue, sums.get(labelValue)! + count);
  }
  return sums;
}
