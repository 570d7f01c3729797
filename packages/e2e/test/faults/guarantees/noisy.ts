import { ORGANIZATION, seedHosts, startLoad, type LoadResult } from '@muster/fleet';
import { formatMs, formatNumber, median } from '@muster/testkit/report';
import { atMost, never, type Finding, type Guarantee, type Rig } from '../../../src/faults/guarantee.js';
import { newAdminKey, startApi } from '../parts/api.js';
import { withClosers } from '../parts/closers.js';
import { onDatabase, withServer } from '../parts/server.js';
import { perSecond } from '../../../src/faults/report.js';

/** One noisy agent at most doubles the latency of the others and causes none of them to be refused. */
export const noisy: Guarantee = {
  id: 'noisy',
  title: 'One noisy agent does not slow down the others',
  check: (rig) => withServer(async ({ createDatabase }) => disturb(rig, await createDatabase('faults_noisy'))),
};

const NORMAL_HOSTS = 50;
/** Requests per second of each normal agent, a third of its limit; the noisy one sends NOISE_FACTOR times as many. */
const NORMAL_PER_SECOND = 3;
const NOISE_FACTOR = 100;
const NOISY_CONNECTIONS = 50;
const RATIO_MAX = 2;
/** Connections of the agent that sends large, completely changed snapshots as fast as answers arrive. */
const COSTLY_CONNECTIONS = 6;
/** Shorter latencies are dominated by noise, so ratios use this value instead. */
const NOTICEABLE_MS = 5;

async function disturb({ plan, progress }: Rig, databaseUrl: string): Promise<Finding[]> {
  return withClosers(async (closers) => {
    const started = await startApi({ env: { DATABASE_URL: databaseUrl }, adminKey: newAdminKey() });
    const { port } = closers.add(started, (api) => api.stop());
    const [normal, [loud, costly]] = await onDatabase(databaseUrl, async (client) => [
      await seedHosts(client, ORGANIZATION, 'normal', NORMAL_HOSTS),
      await seedHosts(client, ORGANIZATION, 'noisy', 2),
    ]);
    const [crowd, noise] = [startLoad(), startLoad()].map((each) => closers.add(each, (worker) => worker.stop()));
    await crowd!.call('create', { name: 'normal', content: 'numbered', hosts: normal });
    await noise!.call('create', { name: 'loud', content: 'numbered', hosts: [loud!] });
    await noise!.call('create', { name: 'costly', content: 'costly', hosts: [costly!] });
    const { windowMs: durationMs } = plan.noisy;
    const common = { port, traffic: { kind: 'mix' }, until: { durationMs }, isStorm: true } as const;
    const perSecondNormal = NORMAL_HOSTS * NORMAL_PER_SECOND;
    const crowded = { ...common, fleet: 'normal', connections: NORMAL_HOSTS, perSecond: perSecondNormal };
    const loudly = { ...common, fleet: 'loud', connections: NOISY_CONNECTIONS };
    const normally = () => crowd!.call('drive', crowded);
    const beats = () => crowd!.call('drive', { ...crowded, traffic: { kind: 'heartbeat' } });
    const noisily = () => noise!.call('drive', { ...loudly, perSecond: NOISE_FACTOR * NORMAL_PER_SECOND });
    const costs = () => noise!.call('drive', { ...common, fleet: 'costly', connections: COSTLY_CONNECTIONS });
    await normally();
    const quiet: LoadResult[] = [];
    const disturbed: LoadResult[] = [];
    const noises: LoadResult[] = [];
    const quietBeats: LoadResult[] = [];
    const costlyBeats: LoadResult[] = [];
    const larges: LoadResult[] = [];
    // Windows alternate, so that a disturbance of the machine affects both sides.
    for (let window = 1; window <= plan.noisy.windows; window++) {
      quiet.push(await normally());
      const [ours, theirs] = await Promise.all([normally(), noisily()]);
      disturbed.push(ours);
      noises.push(theirs);
      quietBeats.push(await beats());
      const [beside, large] = await Promise.all([beats(), costs()]);
      costlyBeats.push(beside);
      larges.push(large);
      progress(`noisy: window ${window} of ${plan.noisy.windows}`);
    }
    const p99 = (results: readonly LoadResult[]) => median(results.map(({ okMs }) => okMs.p99));
    const sum = (results: readonly LoadResult[], of: (result: LoadResult) => number) =>
      results.reduce((total, result) => total + of(result), 0);
    const noiseRate = (1_000 * sum(noises, ({ sent }) => sent)) / sum(noises, ({ ms }) => ms);
    const asks = [...quiet, ...disturbed, ...quietBeats, ...costlyBeats];
    const written = sum(larges, ({ ok }) => ok);
    const beside = `while one agent sends ${perSecond(noiseRate)} (limit 10/s)`;
    return [
      atMost(
        `p99 of ${NORMAL_HOSTS} normal agents ${beside}, relative to ${formatMs(p99(quiet))} without it`,
        p99(disturbed) / Math.max(p99(quiet), NOTICEABLE_MS),
        RATIO_MAX,
        (ratio) => `${formatNumber(ratio)} times`,
      ),
      atMost(
        `p99 of their heartbeats while one host changes all of its 5,000 containers per snapshot (${written} calls accepted), relative to ${formatMs(p99(quietBeats))} without it`,
        p99(costlyBeats) / Math.max(p99(quietBeats), NOTICEABLE_MS),
        RATIO_MAX,
        (ratio) => `${formatNumber(ratio)} times`,
      ),
      never(
        'refused requests of normal agents',
        sum(asks, ({ refused }) => refused),
        sum(asks, ({ sent }) => sent),
        'requests',
      ),
      never(
        'answers that are neither 200 nor a refusal',
        sum([...asks, ...noises, ...larges], ({ wrong }) => wrong),
        sum(asks, ({ sent }) => sent),
        'requests',
      ),
    ];
  });
}
