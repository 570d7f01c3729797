import { setTimeout as sleep } from 'node:timers/promises';
import { Paths, PROBLEM_MEDIA_TYPE } from '@muster/contracts';
import { type AgentSession, heartbeatRequest, numberedSnapshot, snapshotRequest } from '@muster/fleet';
import { newToken, withDisposables } from '@muster/testkit';
import { createHttp, type Call, type Http, type Reply } from '@muster/testkit/http';
import {
  always,
  atMost,
  never,
  type Finding,
  type Guarantee,
  type CheckContext,
} from '../../../src/faults/guarantee.js';
import { enroll } from '../parts/agent.js';
import { startApi } from '../parts/api.js';
import { createEnrollment, createOperator } from '../parts/operator.js';
import { onDatabase, withServer, type Server } from '../parts/server.js';
import { count, seconds } from '../../../src/faults/format.js';

/** While the database is frozen, the API answers every request in bounded time. */
export const frozen: Guarantee = {
  title: 'A frozen database does not freeze the API',
  check: (context) => withServer((server) => freeze(context, server)),
};

const ANSWER_MS_MAX = 4_000;
const RECOVERY_MS_MAX = 5_000;
/** /healthz does not use the database, so a longer response time means that the event loop was blocked. */
const HEALTH_MS_MAX = 1_000;

/** Number of hosts that continue to report while nothing can be stored. */
const HOSTS = 24;
/** Interval between two calls of a host, in milliseconds. */
const INTERVAL_MS = 400;

/** A request and its response. */
interface Exchange {
  kind: 'data' | 'health' | 'ready';
  /** The time of the request, as of `performance.now()`. */
  at: number;
  /** Null if there was no response. */
  reply: Reply | null;
}

async function freeze({ plan, progress }: CheckContext, { cluster, createDatabase }: Server): Promise<Finding[]> {
  const databaseUrl = await createDatabase('faults_frozen');
  return withDisposables(async (use) => {
    const adminKey = newToken();
    const api = use(await startApi({ env: { DATABASE_URL: databaseUrl }, adminKey }), (each) => each.stop());
    const client = use(createHttp(api.url), (each) => each.close());
    const { token } = await createEnrollment(createOperator(client, adminKey), HOSTS);
    const agents: AgentSession[] = [];
    for (let i = 0; i < HOSTS; i++) agents.push(await enroll(client, token, `frozen-${i}`));

    const exchanges: Exchange[] = [];
    let isOver = false;
    const loops = [
      ...agents.map((agent, i) => sendRepeatedly(client, exchanges, 'data', () => isOver, callsOf(agent, i, adminKey))),
      sendRepeatedly(
        client,
        exchanges,
        'health',
        () => isOver,
        () => ({ path: Paths.health }),
      ),
      sendRepeatedly(
        client,
        exchanges,
        'ready',
        () => isOver,
        () => ({ path: Paths.ready }),
      ),
    ];
    await sleep(2_000);
    const connectionsBefore = await connectionsOf(cluster.url);

    await cluster.freeze();
    const frozenAt = performance.now();
    progress('frozen: PostgreSQL is stopped');
    await sleep(plan.frozen.frozenMs);
    await cluster.unfreeze();
    const unfrozenAt = performance.now();
    progress('frozen: PostgreSQL has resumed');
    await sleep(RECOVERY_MS_MAX + ANSWER_MS_MAX);
    isOver = true;
    await Promise.all(loops);
    // When PostgreSQL resumes, it closes the connections that the API abandoned while PostgreSQL was frozen.
    const connectionsAfter = await connectionsOf(cluster.url);
    return report(exchanges, frozenAt, unfrozenAt, connectionsBefore, connectionsAfter);
  });
}

/** Returns a function that returns the call for a turn. Snapshots, heartbeats and an operator's reads take turns. */
function callsOf(agent: AgentSession, host: number, adminKey: string): (turn: number) => Call {
  return (turn) => {
    if (turn % 3 === 0) return snapshotRequest(agent, JSON.stringify(numberedSnapshot(host, turn + 1)));
    if (turn % 3 === 1) return heartbeatRequest(agent, null);
    return { path: `${Paths.containers}?hostId=${agent.hostId}`, token: adminKey };
  };
}

async function sendRepeatedly(
  client: Http,
  exchanges: Exchange[],
  kind: Exchange['kind'],
  isOver: () => boolean,
  next: (turn: number) => Call,
): Promise<void> {
  for (let turn = 0; !isOver(); turn++) {
    const at = performance.now();
    const reply = await client.send(next(turn)).catch(() => null);
    exchanges.push({ kind, at, reply });
    await sleep(INTERVAL_MS);
  }
}

/** Returns the number of Muster's connections to the server. */
const connectionsOf = (url: string): Promise<number> =>
  onDatabase(url, async (client) => {
    const { rows } = await client.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'muster'`,
    );
    return rows[0]!.count;
  });

/** The maximum number of connections in the API's pool. An increase up to this number is not a leak. */
const POOL_MAX = 10;

function report(
  exchanges: readonly Exchange[],
  frozenAt: number,
  unfrozenAt: number,
  connectionsBefore: number,
  connectionsAfter: number,
): Finding[] {
  const during = (kind: Exchange['kind']) =>
    exchanges.filter((each) => each.kind === kind && each.at > frozenAt && each.at + ANSWER_MS_MAX < unfrozenAt);
  const [data, health, ready] = [during('data'), during('health'), during('ready')];
  const slowest = (some: readonly Exchange[]) => Math.max(...some.map(({ reply }) => reply?.ms ?? Infinity));
  const refusals = data.filter(({ reply }) => reply !== null && isRefusal(reply));
  const after = exchanges.filter(({ at }) => at > unfrozenAt);
  const lastFailure = Math.max(unfrozenAt, ...after.filter(({ reply }) => reply?.status !== 200).map(({ at }) => at));
  const broken = exchanges.filter(({ reply }) => reply === null);
  return [
    always('answered with 503, problem+json and Retry-After', refusals.length, data.length, 'requests'),
    atMost('longest time until that answer', slowest(data), ANSWER_MS_MAX, seconds),
    always(
      '/healthz answers 200',
      health.filter(({ reply }) => reply?.status === 200).length,
      health.length,
      'requests',
    ),
    atMost('longest time until /healthz answers', slowest(health), HEALTH_MS_MAX, seconds),
    always('/readyz answers 503', ready.filter(({ reply }) => reply?.status === 503).length, ready.length, 'requests'),
    atMost('last failure after the database resumed', lastFailure - unfrozenAt, RECOVERY_MS_MAX, seconds),
    never('requests without an answer', broken.length, exchanges.length, 'requests'),
    atMost(
      `connections to PostgreSQL afterwards (before: ${connectionsBefore})`,
      connectionsAfter,
      Math.max(connectionsBefore, POOL_MAX),
      count,
      { timed: false },
    ),
  ];
}

const isRefusal = ({ status, headers }: Reply): boolean =>
  status === 503 && headers['content-type'] === PROBLEM_MEDIA_TYPE && Number(headers['retry-after']) >= 1;
