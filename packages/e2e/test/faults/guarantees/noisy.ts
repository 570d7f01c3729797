import { seedHosts } from '@muster/fleet';
import { formatMs, formatNumber, median } from '@muster/testkit/report';
import { atMost, never, type Finding, type Guarantee, type Rig } from '../../../src/faults/guarantee.js';
import type { StormResult } from '../load/storm.js';
import { newAdminKey, startApi } from '../parts/api.js';
import { withClosers } from '../parts/closers.js';
import { onDatabase, ORGANIZATION, withServer } from '../parts/server.js';
import { startStorm } from '../parts/storm.js';
import { perSecond } from '../../../src/faults/report/words.js';

/** One noisy agent at most doubles the latency of the others and causes none of them to be refused. */
export const noisy: Guarantee = {
  id: 'noisy',
  title: 'One noisy agent does not slow down the others',
  check: (rig) => withServer(async ({ createDatabase }) => disturb(rig, await createDatabase('faults_noisy'))),
};

const NORMAL_HOSTS = 50;
/** Requests a second of each normal one, a third of its limit; and how much more the noisy one makes. */
const NORMAL_PER_SECOND = 3;
const NOISE_FACTOR = 100;
const NOISY_CONNECTIONS = 50;
const RATIO_MAX = 2;
/** Connections of one that sends large snapshots, all of which changed, as fast as answers come. */
const COSTLY_CONNECTIONS = 6;
/** Below this, a ratio says more of the clock than of Muster. */
const NOTICEABLE_MS = 5;

async function disturb({ plan, progress }: Rig, databaseUrl: string): Promise<Finding[]> {
  return withClosers(async (closers) => {
    const started = await startApi({ env: { DATABASE_URL: databaseUrl }, adminKey: newAdminKey() });
    const { port } = closers.add(started, (api) => api.stop());
    const [normal, [loud, costly]] = await onDatabase(databaseUrl, async (client) => [
      await seedHosts(client, ORGANIZATION, 'normal', NORMAL_HOSTS),
      await seedHosts(client, ORGANIZATION, 'noisy', 2),
    ]);
    const [crowd, noise] = [startStorm(), startStorm()].map((storm) => closers.add(storm, (each) => each.end()));
    const durationMs = plan.noisy.windowMs;
    const normally = () => {
      const hosts = { hosts: normal, connections: NORMAL_HOSTS };
      return crowd!.rage({ port, ...hosts, perSecond: NORMAL_HOSTS * NORMAL_PER_SECOND, durationMs });
    };
    const noisily = () => {
      const hosts = { hosts: [loud!], connections: NOISY_CONNECTIONS };
      return noise!.rage({ port, ...hosts, perSecond: NOISE_FACTOR * NORMAL_PER_SECOND, durationMs });
    };
    const beats = () => {
      const hosts = { hosts: normal, connections: NORMAL_HOSTS, mix: 'heartbeats' as const };
      return crowd!.rage({ port, ...hosts, perSecond: NORMAL_HOSTS * NORMAL_PER_SECOND, durationMs });
    };
    const costs = () => {
      const hosts = { hosts: [costly!], connections: COSTLY_CONNECTIONS, mix: 'costly' as const };
      return noise!.rage({ port, ...hosts, perSecond: null, durationMs });
    };
    await normally();
    const quiet: StormResult[] = [];
    const disturbed: StormResult[] = [];
    const noises: StormResult[] = [];
    const quietBeats: StormResult[] = [];
    const costlyBeats: StormResult[] = [];
    const larges: StormResult[] = [];
    // Turn by turn, so that what disturbs the machine disturbs both.
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
    const p99 = (results: readonly StormResult[]) => median(results.map(({ goodMs }) => goodMs.p99));
    const sum = (results: readonly StormResult[], of: (result: StormResult) => number) =>
      results.reduce((total, result) => total + of(result), 0);
    const noiseRate = (1_000 * sum(noises, ({ sent }) => sent)) / sum(noises, ({ ms }) => ms);
    const asks = [...quiet, ...disturbed, ...quietBeats, ...costlyBeats];
    const written = sum(larges, ({ good }) => good);
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
        sum([...asks, ...noises, ...larges], ({ other }) => other),
        sum(asks, ({ sent }) => sent),
        'requests',
      ),
    ];
  });
}
