import { distinguishHost, type EngineFacts, type Host } from '@muster/contracts';
import type { Column } from '../output/table.js';

/** An API of an earlier release does not send the facts. */
type FactsOf = Partial<Pick<Host, 'addresses' | 'kernel' | 'cpus' | 'memoryBytes' | 'engineFacts' | 'nameIsShared'>>;

/** Returns the name of a host, with a distinguishing suffix if other hosts have the same name. */
export const nameOf = (host: Host): string =>
  (host as FactsOf).nameIsShared ? `${host.name} (${distinguishHost(host)})` : host.name;

/** Returns a column of the formats `wide` and CSV. `text` returns an empty text for an unknown fact. */
const column = (title: string, text: (facts: FactsOf) => string, raw = text): Column<Host> => ({
  title,
  isWideOnly: true,
  isInCsv: true,
  text: (host) => text(host) || '-',
  raw,
});

/** The columns with the facts that the agents report. */
export const FACT_COLUMNS: readonly Column<Host>[] = [
  column('ADDRESSES', ({ addresses }) => addresses?.join(' ') ?? ''),
  column('KERNEL', ({ kernel }) => kernel ?? ''),
  column('CPUS', ({ cpus }) => String(cpus ?? '')),
  column(
    'MEMORY',
    ({ memoryBytes }) => (memoryBytes ? `${(memoryBytes / 1024 ** 3).toFixed(1)} GiB` : ''),
    ({ memoryBytes }) => String(memoryBytes ?? ''),
  ),
  column('ENGINE FACTS', ({ engineFacts }) => describeEngine(engineFacts ?? null)),
];

function describeEngine(facts: EngineFacts | null): string {
  if (facts === null) return '';
  const { rootless, cgroupVersion, storageDriver, swarmRole, swarmNodeId } = facts;
  return [
    rootless === true ? 'rootless' : '',
    cgroupVersion === null ? '' : `cgroup v${cgroupVersion}`,
    storageDriver ?? '',
    swarmRole === null ? '' : `swarm ${swarmRole} ${swarmNodeId ?? ''}`.trim(),
  ]
    .filter((part) => part !== '')
    .join(', ');
}
