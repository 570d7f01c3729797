import { seedHosts, startLoad, type LoadResult } from '@muster/fleet';
import { newToken, withDisposables } from '@muster/testkit';
import { formatMs, formatNumber, median } from '@muster/testkit/report';
import { atMost, never, type Finding, type Guarantee, type CheckContext } from '../../../src/faults/guarantee.js';
import { startApi } from '../parts/api.js';
import { onDatabase, withServer } from '../parts/server.js';
import { perSecond } from '../../../src/faults/format.js';

/**
 * One noisy agent increases the latency of other agents to at most twice the normal value, and the API refuses no
 * request of the other agents.
 */
export const noisy: Guarantee = {
  title: 'One noisy agent does not slow down the others',
  check: (context) =>
    withServer(async ({ createDatabase }) => addNoisyAgents(context, await createDatabase('faults_noisy'))),
};

const NORMAL_HOSTS = 50;
/**
 * Requests per second of a normal agent: a third of its limit. The noisy agent sends NOISE_FACTOR times as many
 * requests.
 */
const NORMAL_PER_SECOND = 3;
const NOISE_FACTOR = 100;
const NOISY_CONNECTIONS = 50;
const RATIO_MAX = 2;
/** Connections of the agent that sends large, completely changed snapshots as fast as responses arrive. */
const COSTLY_CONNECTIONS = 6;
/** The smallest denominator of a ratio. Smaller latencies, and differences between them, are mostly random. */
const NOTICEABLE_MS = 5;

async function addNoisyAgents({ plan, progress }: CheckContext, databaseUrl: string): Promise<Finding[]> {
  return withDisposables(async (use) => {
    const started = await startApi({ env: { DATABASE_URL: databaseUrl }, adminKey: newToken() });
    const { port } = use(started, (api) => api.stop());
    const [normal, [loud, costly]] = await onDatabase(databaseUrl, async (client) => [
      await seedHosts(client, 'normal', NORMAL_HOSTS),
      await seedHosts(client, 'noisy', 2),
    ]);
    const [normalGenerator, noisyGenerator] = [startLoad(), startLoad()].map((each) =>
      use(each, (worker) => worker.stop()),
    );
    await normalGenerator!.call('create', { name: 'normal', content: 'numbered', hosts: normal });
    await noisyGenerator!.call('create', { name: 'loud', content: 'numbered', hosts: [loud!] });
    await noisyGenerator!.call('create', { name: 'costly', content: 'costly', hosts: [costly!] });
    const { windowMs: durationMs } = plan.noisy;
    const common = { port, traffic: { kind: 'mix' }, until: { durationMs }, isStorm: true } as const;
    const perSecondNormal = NORMAL_HOSTS * NORMAL_PER_SECOND;
    const normalLoad = { ...common, fleet: 'normal', connections: NORMAL_HOSTS, perSecond: perSecondNormal };
    const loudLoad = { ...common, fleet: 'loud', connections: NOISY_CONNECTIONS };
    const driveNormal = () => normalGenerator!.call('drive', normalLoad);
    const driveHeartbeats = () => normalGenerator!.call('drive', { ...normalLoad, traffic: { kind: 'heartbeat' } });
    const driveLoud = () => noisyGenerator!.call('drive', { ...loudLoad, perSecond: NOISE_FACTOR * NORMAL_PER_SECOND });
    const driveCostly = () =>
      noisyGenerator!.call('drive', { ...common, fleet: 'costly', connections: COSTLY_CONNECTIONS });
    await driveNormal();
    const quiet: LoadResult[] = [];
    const disturbed: LoadResult[] = [];
    const loudResults: LoadResult[] = [];
    const quietHeartbeats: LoadResult[] = [];
    const disturbedHeartbeats: LoadResult[] = [];
    const costlyResults: LoadResult[] = [];
    // Windows with and without the noisy agent alternate, so that a disturbance of the machine affects both kinds of
    // windows.
    for (let window = 1; window <= plan.noisy.windows; window++) {
      quiet.push(await driveNormal());
      const [ours, theirs] = await Promise.all([driveNormal(), driveLoud()]);
      disturbed.push(ours);
      loudResults.push(theirs);
      quietHeartbeats.push(await driveHeartbeats());
      const [heartbeats, large] = await Promise.all([driveHeartbeats(), driveCostly()]);
      disturbedHeartbeats.push(heartbeats);
      costlyResults.push(large);
      progress(`noisy: window ${window} of ${plan.noisy.windows}`);
    }
    const p99 = (results: readonly LoadResult[]) => median(results.map(({ okMs }) => okMs.p99));
    const sum = (results: readonly LoadResult[], of: (result: LoadResult) => number) =>
      results.reduce((total, result) => total + of(result), 0);
    const noiseRate = (1_000 * sum(loudResults, ({ sent }) => sent)) / sum(loudResults, ({ ms }) => ms);
    const normalResults = [...quiet, ...disturbed, ...quietHeartbeats, ...disturbedHeartbeats];
    const acceptedSnapshots = sum(costlyResults, ({ ok }) => ok);
    const condition = `while one agent sends ${perSecond(noiseRate)} (limit 10/s)`;
    return [
      atMost(
        `p99 of ${NORMAL_HOSTS} normal agents ${condition}, relative to ${formatMs(p99(quiet))} without it`,
        p99(disturbed) / Math.max(p99(quiet), NOTICEABLE_MS),
        RATIO_MAX,
        (ratio) => `${formatNumber(ratio)} times`,
      ),
      atMost(
        `p99 of their heartbeats while one host changes all of its 5,000 containers per snapshot (${acceptedSnapshots} calls accepted), relative to ${formatMs(p99(quietHeartbeats))} without it`,
        p99(disturbedHeartbeats) / Math.max(p99(quietHeartbeats), NOTICEABLE_MS),
        RATIO_MAX,
        (ratio) => `${formatNumber(ratio)} times`,
      ),
      never(
        'refused requests of normal agents',
        sum(normalResults, ({ refused }) => refused),
        sum(normalResults, ({ sent }) => sent),
        'requests',
      ),
      never(
        'answers that are neither 200 nor a refusal',
        sum([...normalResults, ...loudResults, ...costlyResults], ({ wrong }) => wrong),
        sum(normalResults, ({ sent }) => sent),
        'requests',
      ),
    ];
  });
}
