import { DOCKER_STATES, Freshness } from '@muster/contracts';
import { Gauge, type Registry } from 'prom-client';
import { metricLabelName } from '../../lib/metric-label-name.js';
import { freshnessCutoffs } from '../freshness/index.js';
import { countByLabels, type LabelGroup } from '../inventory/index.js';
import { splitStateCounts } from '../sync/index.js';
import { cacheCounts, countsOfKeys, type FleetMetricsOptions } from './fleet-metrics.js';

/**
 * Maximum number of combinations of label values. Each combination has 6 series of hosts and 18 of containers. The
 * hosts of all further combinations are counted together.
 */
const COMBINATIONS_MAX = 200;

/** The value of each label for the hosts of all further combinations. No host label has this value. */
const OTHER_VALUE = '(other)';

/**
 * Adds gauges that count the hosts and containers by the values of these host labels. Adds no gauges if `keys` is
 * empty. Each key becomes the Prometheus label `label_KEY`, whose value is empty for hosts without the host label.
 * `combinationsMax` replaces the maximum number of combinations.
 */
export function addLabelMetrics(
  registry: Registry,
  options: FleetMetricsOptions,
  keys: readonly string[],
  combinationsMax = COMBINATIONS_MAX,
): void {
  if (keys.length === 0) return;
  const registers = [registry];
  const names = keys.map((key) => `label_${metricLabelName(key)}`);
  const counts = cacheCounts(options, (context) =>
    countByLabels(options.db, null, { keys, groupsMax: combinationsMax }, freshnessCutoffs(context)),
  );
  const labelsOf = ({ values }: LabelGroup) =>
    Object.fromEntries(names.map((name, index) => [name, values === null ? OTHER_VALUE : (values[index] ?? '')]));

  new Gauge({
    name: 'muster_labeled_hosts',
    help: 'Hosts, by the labels in MUSTER_METRICS_HOST_LABELS and by freshness.',
    labelNames: [...names, 'freshness'],
    registers,
    async collect() {
      this.reset();
      for (const group of (await counts()) ?? []) {
        for (const freshness of Freshness.options) {
          this.inc({ ...labelsOf(group), freshness }, group.hosts[freshness] ?? 0);
        }
      }
    },
  });
  new Gauge({
    name: 'muster_labeled_containers',
    help:
      'Present containers, by the labels of their host in MUSTER_METRICS_HOST_LABELS and by state. The series with ' +
      'known="last" count the last known state on hosts that are not current.',
    labelNames: [...names, 'state', 'known'],
    registers,
    async collect() {
      this.reset();
      for (const group of (await counts()) ?? []) {
        for (const known of ['current', 'last'] as const) {
          const stored = known === 'current' ? group.current : group.lastKnown;
          for (const [state, count] of countsOfKeys(splitStateCounts(stored).containersByState, DOCKER_STATES)) {
            this.inc({ ...labelsOf(group), state, known }, count);
          }
        }
      }
    },
  });
}
