import { formatBytes, formatMs, seedHosts } from '@muster/measure';
import { always, atLeast, atMost, never, type Finding, type Guarantee, type Rig } from '../guarantee.js';
import type { StormRequest, StormResult } from '../load/storm.js';
import { newAdminKey, startApi } from '../parts/api.js';
import { withClosers } from '../parts/closers.js';
import { onCore, pinServer } from '../parts/cores.js';
import { forgetPeak, peakBytes } from '../parts/memory.js';
import { onDatabase, ORGANIZATION, withServer, type Server } from '../parts/server.js';
import { startStorm } from '../parts/storm.js';
import { percent, perSecond, seconds } from '../report/words.js';

/** Overload sheds, it does not collapse. */
export const overload: Guarantee = {
  id: 'overload',
  title: 'Overload sheds, it does not collapse',
  check: (rig) => withServer((server) => overwhelm(rig, server)),
};

const LOAD_FACTOR = 4;
const GOODPUT_SHARE_MIN = 0.8;
const RECOVERY_MS_MAX = 10_000;
/** Bytes that the API may have more than at its peak load: what admission sets aside for bodies, and room for sockets. */
const MEMORY_BYTES_MAX = 150e6;

/** Connections that find the peak: enough to keep it busy, and none is turned away. */
const PEAK_CONNECTIONS = 64;
/**
 * Seconds that a request may take until it is answered or refused: an agent has one under way, so that so many more of
 * them, each a host of its own, are needed to keep up their rate.
 */
const PATIENCE_S = 2.5;
/** Requests a second at which hosts send for the first time, two each and more: none is to be turned away. */
const FIRST_PER_SECOND = 300;
const FIRST_CONNECTIONS = 200;
/** Of the load afterwards, as a share of the peak. */
const CALM_SHARE = 0.2;
const CALM_CONNECTIONS = 200;

async function overwhelm({ plan, progress }: Rig, { cluster, createDatabase }: Server): Promise<Finding[]> {
  const databaseUrl = await createDatabase('faults_overload');
  const { peakMs, overloadMs } = plan.overload;
  return withClosers(async (closers) => {
    await pinServer(cluster.url, 0);
    const env = { DATABASE_URL: databaseUrl, MUSTER_AGENT_REQUESTS_PER_MINUTE: '0' };
    const started = await startApi({ env, adminKey: newAdminKey(), through: onCore(0) });
    const { port, program } = closers.add(started, (api) => api.stop());
    const hosts = await onDatabase(databaseUrl, (client) =>
      seedHosts(client, ORGANIZATION, 'storm', plan.overload.hosts),
    );
    const generator = closers.add(startStorm(onCore(1)), (each) => each.end());
    const storm = (request: Pick<StormRequest, 'connections' | 'perSecond' | 'durationMs'>) =>
      generator.rage({ port, hosts, ...request });

    // Every host's first snapshot, and the compiler's.
    const firstMs = (2_200 * hosts.length) / FIRST_PER_SECOND;
    const first = await storm({ connections: FIRST_CONNECTIONS, perSecond: FIRST_PER_SECOND, durationMs: firstMs });
    const before = await storm({ connections: PEAK_CONNECTIONS, perSecond: null, durationMs: peakMs });
    progress(`overload: ${perSecond(rateOf(before))} at its peak`);
    forgetPeak(program.pid);
    const restBytes = peakBytes(program.pid);
    const loadRate = LOAD_FACTOR * rateOf(before);
    const connections = Math.min(hosts.length, Math.max(PEAK_CONNECTIONS, Math.ceil(loadRate * PATIENCE_S)));
    const during = await storm({ connections, perSecond: loadRate, durationMs: overloadMs });
    const memoryBytes = peakBytes(program.pid) - restBytes;
    const sentRate = (1_000 * during.sent) / during.ms;
    progress(`overload: ${perSecond(sentRate)} sent, ${perSecond(rateOf(during))} answered with 200`);
    const calm = { connections: CALM_CONNECTIONS, perSecond: CALM_SHARE * rateOf(before) };
    const after = await storm({ ...calm, durationMs: RECOVERY_MS_MAX + 3_000 });
    // What disturbs the machine disturbs both: the peak is taken before and after.
    const again = await storm({ connections: PEAK_CONNECTIONS, perSecond: null, durationMs: peakMs });
    progress(`overload: ${perSecond(rateOf(again))} at its peak afterwards`);
    const peak = (rateOf(before) + rateOf(again)) / 2;

    const all = [first, before, during, after, again];
    for (const { firstOther } of all) if (firstOther !== null) progress(`overload: ${firstOther}`);
    return [
      atLeast('requests sent, of what it carries', sentRate / peak, LOAD_FACTOR * 0.75, times),
      atLeast(`goodput, of ${perSecond(peak)} at its peak`, rateOf(during) / peak, GOODPUT_SHARE_MIN, percent),
      always('refused by 429 or 503 with a Retry-After', during.refused - during.bare, during.refused, 'refusals'),
      never('other answers, and connections that broke', sum(all, 'other'), sum(all, 'sent'), 'requests'),
      atMost('until what is taken is answered, 99 of 100', during.goodMs.p99, 4_000, formatMs),
      atMost('memory beyond what it had before', memoryBytes, MEMORY_BYTES_MAX, formatBytes, { timed: false }),
      atMost('last refusal after the storm', after.lastBadMs, RECOVERY_MS_MAX, seconds),
    ];
  });
}

const rateOf = ({ good, ms }: StormResult): number => (1_000 * good) / ms;

const sum = (storms: readonly StormResult[], figure: 'other' | 'sent'): number =>
  storms.reduce((total, storm) => total + storm[figure], 0);

const times = (ratio: number): string => `${ratio.toFixed(2)} times`;
