import { setTimeout as sleep } from 'node:timers/promises';
import { Paths } from '@muster/contracts';
import { openConnection, seedHosts, startLoad, type Load, type LoadResult } from '@muster/fleet';
import { newToken, withDisposables } from '@muster/testkit';
import { createHttp, type Call } from '@muster/testkit/http';
import { formatBytes, formatMs } from '@muster/testkit/report';
import {
  always,
  atLeast,
  atMost,
  never,
  type Finding,
  type Guarantee,
  type CheckContext,
} from '../../../src/faults/guarantee.js';
import { announcement, holdOpen } from '../load/hostile.js';
import { startApi } from '../parts/api.js';
import { onCore, pinServer } from '../parts/cores.js';
import { peakBytes, resetPeak } from '../parts/memory.js';
import { onDatabase, withServer, type Server } from '../parts/server.js';
import { percent, perSecond, seconds } from '../../../src/faults/format.js';

/** Under overload, the API keeps its throughput, and refuses only excess requests. */
export const overload: Guarantee = {
  title: 'Under overload, Muster refuses the excess and keeps its throughput',
  check: (context) => withServer((server) => overloadApi(context, server)),
};

const LOAD_FACTOR = 4;
const GOODPUT_SHARE_MIN = 0.8;
const RECOVERY_MS_MAX = 10_000;
/** Maximum increase in memory from peak load to overload. It covers the sockets and the API's memory for bodies. */
const MEMORY_BYTES_MAX = 150e6;

/**
 * Number of connections that measure the peak: enough to keep the API busy, and so few that the API refuses no request.
 */
const PEAK_CONNECTIONS = 64;
/**
 * The maximum response time in seconds, for accepted and refused requests. The number of connections follows from this
 * maximum, because each connection has only one request in flight.
 */
const RESPONSE_S_MAX = 2.5;
/**
 * Requests per second of the first phase, in which each host sends at least two requests. The API must refuse no
 * request.
 */
const FIRST_PER_SECOND = 300;
const FIRST_CONNECTIONS = 200;
/** The load after the overload, as a share of the peak. */
const CALM_SHARE = 0.2;
const CALM_CONNECTIONS = 200;

/** Number of sign-ins whose bodies never arrive, which once exhausted the capacity that all callers shared. */
const ANONYMOUS_BODIES = Array.from({ length: 125 }, () => announcement(Paths.session, 65_536));
/** Milliseconds between two calls of one person. */
const PERSON_INTERVAL_MS = 1_000;
/** The number of simultaneous callers of /readyz. */
const READINESS_CALLERS = 400;
/** How long the callers of /readyz send requests. */
const READINESS_MS = 3_000;
const READINESS_IDLE_MS = 11_000;
/**
 * Maximum increase in transactions per second while /readyz is called. The API checks its readiness at most four times
 * per second, for all callers together.
 */
const READINESS_STATEMENTS_PER_SECOND_MAX = 20;

async function overloadApi({ plan, progress }: CheckContext, { cluster, createDatabase }: Server): Promise<Finding[]> {
  const databaseUrl = await createDatabase('faults_overload');
  const { peakMs, overloadMs } = plan.overload;
  return withDisposables(async (use) => {
    await pinServer(cluster, 0);
    const env = { DATABASE_URL: databaseUrl, MUSTER_AUTH_FAILURES_PER_MINUTE: '0', MUSTER_SIGN_INS_PER_MINUTE: '0' };
    const adminKey = newToken();
    const started = await startApi({ env, adminKey, through: onCore(0) });
    const { port, program, url } = use(started, (api) => api.stop());
    const hosts = await onDatabase(databaseUrl, (client) => seedHosts(client, 'storm', plan.overload.hosts));
    const generator = use(startLoad({ through: onCore(1) }), (each) => each.stop());
    await generator.call('create', { name: 'storm', content: 'numbered', hosts });
    const storm = ({ durationMs, ...load }: Pick<Load, 'connections' | 'perSecond'> & { durationMs: number }) =>
      generator.call('drive', {
        fleet: 'storm',
        port,
        traffic: { kind: 'mix' },
        until: { durationMs },
        isStorm: true,
        ...load,
      });

    // In this phase, each host sends its first snapshot. The phase also warms up the compiler.
    const firstMs = (2_200 * hosts.length) / FIRST_PER_SECOND;
    const first = await storm({ connections: FIRST_CONNECTIONS, perSecond: FIRST_PER_SECOND, durationMs: firstMs });
    const before = await storm({ connections: PEAK_CONNECTIONS, durationMs: peakMs });
    progress(`overload: peak of ${perSecond(rateOf(before))}`);
    resetPeak(program.pid);
    const restBytes = peakBytes(program.pid);
    const loadRate = LOAD_FACTOR * rateOf(before);
    const connections = Math.min(hosts.length, Math.max(PEAK_CONNECTIONS, Math.ceil(loadRate * RESPONSE_S_MAX)));
    const people = use(await startPeople(url, adminKey), (each) => each.end());
    const release = await holdOpen(port, ANONYMOUS_BODIES);
    const during = await storm({ connections, perSecond: loadRate, durationMs: overloadMs });
    release();
    const { calls, refusals } = await people.end();
    for (const refusal of refusals) progress(`overload: ${refusal}`);
    const memoryBytes = peakBytes(program.pid) - restBytes;
    const sentRate = (1_000 * during.sent) / during.ms;
    progress(`overload: ${perSecond(sentRate)} sent, ${perSecond(rateOf(during))} answered with 200`);
    const calm = { connections: CALM_CONNECTIONS, perSecond: CALM_SHARE * rateOf(before) };
    const after = await storm({ ...calm, durationMs: RECOVERY_MS_MAX + 3_000 });
    // The peak is the average of measurements before and after the overload, because a disturbance of the machine can
    // affect a measurement.
    const again = await storm({ connections: PEAK_CONNECTIONS, durationMs: peakMs });
    progress(`overload: peak of ${perSecond(rateOf(again))} afterwards`);
    const peak = (rateOf(before) + rateOf(again)) / 2;
    const readiness = await callReadiness(databaseUrl, port);
    progress(`overload: ${readiness.answers} answers of /readyz, ${readiness.other} of them other than 200`);

    const all = [first, before, during, after, again];
    for (const { firstWrong } of all) if (firstWrong !== null) progress(`overload: ${firstWrong}`);
    return [
      never('refused first snapshots and heartbeats', first.refused, first.sent, 'requests'),
      atLeast('requests sent, relative to the peak', sentRate / peak, LOAD_FACTOR * 0.75, times),
      atLeast(
        `goodput, relative to the earlier peak of ${perSecond(peak)}`,
        rateOf(during) / peak,
        GOODPUT_SHARE_MIN,
        percent,
      ),
      always(
        'refusals with 429 or 503 and a Retry-After',
        during.refused - during.refusedWithoutRetryAfter,
        during.refused,
        'refusals',
      ),
      never('other answers and broken connections', sum(all, 'wrong'), sum(all, 'sent'), 'requests'),
      never('refused calls of operators and clients without an account', refusals.length, calls, 'calls'),
      atMost('p99 latency of accepted requests', during.okMs.p99, 4_000, formatMs),
      atMost('memory growth beyond the peak load', memoryBytes, MEMORY_BYTES_MAX, formatBytes, { timed: false }),
      atMost('last refusal after the overload', after.lastNotOkMs, RECOVERY_MS_MAX, seconds),
      never(
        `responses of /readyz other than 200 (${READINESS_CALLERS} clients at once)`,
        readiness.other,
        readiness.answers,
        'answers',
      ),
      atMost(
        'database statements per second for /readyz',
        readiness.statementsPerSecond,
        READINESS_STATEMENTS_PER_SECOND_MAX,
        perSecond,
      ),
    ];
  });
}

const rateOf = ({ ok, ms }: LoadResult): number => (1_000 * ok) / ms;

const sum = (storms: readonly LoadResult[], figure: 'wrong' | 'sent'): number =>
  storms.reduce((total, storm) => total + storm[figure], 0);

const times = (ratio: number): string => `${ratio.toFixed(2)} times`;

/** People who call the API during the overload. */
interface People {
  /** Stops the calls. Returns the number of calls, and descriptions of the calls that were refused or failed. */
  end(): Promise<{ calls: number; refusals: string[] }>;
}

/**
 * Starts the calls of two people: an operator reads, and a person without an account opens an invitation. The calls use
 * connections that were opened before the overload. No one signs in, because hashing a password takes 0.1 s of CPU time
 * on the measured core.
 */
async function startPeople(url: string, adminKey: string): Promise<People> {
  const client = createHttp(url);
  const result = { calls: 0, refusals: [] as string[] };
  const unknownInvitation = JSON.stringify({ token: newToken('invite') });
  const calls: Call[] = [
    { path: Paths.hosts, token: adminKey },
    { method: 'POST', path: Paths.invitationOffer, body: unknownInvitation },
  ];
  let isOver = false;
  const callOnce = async (call: Call) => {
    const reply = await client.send(call).catch((error: unknown) => error as Error);
    result.calls += 1;
    const { path } = call;
    if (reply instanceof Error) result.refusals.push(`${path}: ${reply.message}`);
    else if (reply.status === 429 || reply.status >= 500) result.refusals.push(`${path}: ${reply.status}`);
  };
  for (const call of calls) await callOnce(call);
  const loops = calls.map(async (call) => {
    while (!isOver) {
      await callOnce(call);
      await sleep(PERSON_INTERVAL_MS);
    }
  });
  return {
    async end() {
      isOver = true;
      await Promise.all(loops);
      await client.close();
      return result;
    },
  };
}

/** Calls /readyz concurrently on many connections, and counts the database transactions that these calls cause. */
async function callReadiness(databaseUrl: string, port: number) {
  // After this idle time, PostgreSQL has counted all transactions of the overload.
  await sleep(READINESS_IDLE_MS);
  const idleRate = await transactionsDuring(databaseUrl, READINESS_MS);
  const connections = await Promise.all(Array.from({ length: READINESS_CALLERS }, () => openConnection(port)));
  const result = { answers: 0, other: 0 };
  const isOverAt = performance.now() + READINESS_MS;
  const loops = connections.map(async (connection) => {
    while (performance.now() < isOverAt) {
      const { status } = await connection.send({ method: 'GET', path: Paths.ready });
      result.answers += 1;
      if (status !== 200) result.other += 1;
    }
    connection.close();
  });
  const calledRate = await transactionsDuring(databaseUrl, READINESS_MS);
  await Promise.all(loops);
  return { ...result, statementsPerSecond: Math.max(0, calledRate - idleRate) };
}

/**
 * Returns the transactions per second of a database. Each PostgreSQL process publishes its counts at most once per
 * second. A process that becomes idle publishes its last counts after 10 s (PostgreSQL 15, pgstat_report_stat).
 */
async function transactionsDuring(databaseUrl: string, ms: number): Promise<number> {
  const read = () =>
    onDatabase(databaseUrl, async (client) => {
      const { rows } = await client.query<{ count: string }>(
        'SELECT xact_commit + xact_rollback AS count FROM pg_stat_database WHERE datname = current_database()',
      );
      return Number(rows[0]!.count);
    });
  const before = await read();
  const startedAt = performance.now();
  await sleep(ms);
  return (1_000 * ((await read()) - before)) / (performance.now() - startedAt);
}
