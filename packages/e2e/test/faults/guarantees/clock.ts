import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Host } from '@muster/contracts';
import { type AgentSession, heartbeatRequest, numberedSnapshot, snapshotRequest } from '@muster/fleet';
import { newToken, withDisposables, withTemporaryDirectory, type Use } from '@muster/testkit';
import { createHttp, type Http } from '@muster/testkit/http';
import {
  always,
  atMost,
  never,
  type Finding,
  type Guarantee,
  type CheckContext,
} from '../../../src/faults/guarantee.js';
import { enroll } from '../parts/agent.js';
import { startApi, type Api } from '../parts/api.js';
import { createEnrollment, createOperator, type Operator } from '../parts/operator.js';
import { onDatabase, withServer } from '../parts/server.js';
import { seconds } from '../../../src/faults/format.js';

/** After the wrong clock of a process is corrected, the API shows correct freshness, instants and outages. */
export const clock: Guarantee = {
  title: 'A wrong clock has no effect after it is corrected',
  check: async (context) => [
    ...(await withServer(async ({ createDatabase }) => onServer(context, await createDatabase('faults_clock')))),
    ...(await withTemporaryDirectory((directory) => onEmbedded(context, join(directory, 'data')))),
  ],
};

/** How far the wrong clock is ahead. */
const AHEAD_MS = 3_600_000;
/** How long the test leaves the clock wrong. */
const AHEAD_FOR_MS = 8_000;
/** The heartbeat interval of each agent. */
const HEARTBEAT_SECONDS = 2;
/** The time without a heartbeat after which a host is stale. */
const GRACE_MS = 3 * HEARTBEAT_SECONDS * 1_000;
/** Maximum time from a host's last heartbeat until the host is shown as stale, with a margin for a busy machine. */
const STALE_MS_MAX = GRACE_MS + 7_000;
/**
 * How long the first host is stale before Muster is killed: longer than the interval at which Muster records that it is
 * running.
 */
const SETTLED_MS = 4_000;
/** How long Muster is down: longer than `GRACE_MS`. */
const DOWN_MS = 10_000;

const ENV = { MUSTER_HEARTBEAT_SECONDS: String(HEARTBEAT_SECONDS) };

/** Starts one of two replicas with a clock that is an hour ahead, and then corrects the clock. */
async function onServer({ progress }: CheckContext, databaseUrl: string): Promise<Finding[]> {
  const what = 'PostgreSQL';
  return withDisposables(async (use) => {
    const options = { env: { DATABASE_URL: databaseUrl, ...ENV }, adminKey: newToken() };
    const right = await startApi(options);
    use(null, () => right.program.stop('SIGKILL'));
    const wrong = await startApi({ ...options, clockAheadMs: AHEAD_MS });
    use(null, () => wrong.program.stop('SIGKILL'));
    const fleet = await openFleet(wrong, options.adminKey, use);
    const [operator, other] = [right, wrong].map(({ url }) =>
      createOperator(
        use(createHttp(url), (each) => each.close()),
        options.adminKey,
      ),
    ) as [Operator, Operator];
    await sleep(AHEAD_FOR_MS);
    await wrong.call('setClockAhead', 0);
    progress(`clock: ${what}, a replica was an hour ahead for ${AHEAD_FOR_MS / 1_000} s`);
    const observations = await observeEnd(fleet, [operator, other]);

    await sleep(SETTLED_MS);
    fleet.endSecond();
    await Promise.all([right, wrong].map(({ program }) => program.stop('SIGKILL')));
    await sleep(DOWN_MS);
    const back = await startApi({ ...options, port: right.port });
    use(null, () => back.program.stop('SIGKILL'));
    const afterwards = await freshnessOf(operator);
    progress(`clock: ${what}, after an outage: ${[...afterwards].join(' ')}`);
    const outages = await onDatabase(databaseUrl, async (client) => {
      const { rows } = await client.query<{ future: boolean; seconds: number }>(
        `SELECT "endedAt" > now() AS future, extract(epoch FROM "endedAt" - "startedAt")::float8 AS seconds
         FROM service_outages`,
      );
      return rows;
    });
    const real = outages.filter((outage) => !outage.future && outage.seconds < AHEAD_MS / 2_000);
    return [
      ...report(what, observations, afterwards),
      always(`${what}: outage recorded`, real.length, 1, 'outage'),
      never(
        `${what}: recorded outages that did not happen`,
        outages.length - real.length,
        Math.max(1, outages.length),
        'outages',
      ),
    ];
  });
}

/** Runs the API on an embedded database, sets the clock of its process an hour ahead, and then corrects the clock. */
async function onEmbedded({ progress }: CheckContext, directory: string): Promise<Finding[]> {
  const what = 'PGlite';
  return withDisposables(async (use) => {
    const options = { env: { MUSTER_DATA_DIR: directory, ...ENV }, adminKey: newToken() };
    const api = await startApi({ ...options, clockAheadMs: 0 });
    use(null, () => api.program.stop('SIGKILL'));
    const fleet = await openFleet(api, options.adminKey, use);
    const client = use(createHttp(api.url), (each) => each.close());
    const operator = createOperator(client, options.adminKey);
    await api.call('setClockAhead', AHEAD_MS);
    await sleep(AHEAD_FOR_MS);
    await api.call('setClockAhead', 0);
    progress(`clock: ${what}, the process was an hour ahead for ${AHEAD_FOR_MS / 1_000} s`);
    const observations = await observeEnd(fleet, [operator]);

    await sleep(SETTLED_MS);
    fleet.endSecond();
    await api.program.stop('SIGKILL');
    await sleep(DOWN_MS);
    const back = await startApi({ ...options, port: api.port });
    use(null, () => back.program.stop('SIGKILL'));
    const afterwards = await freshnessOf(operator);
    progress(`clock: ${what}, after an outage: ${[...afterwards].join(' ')}`);
    return report(what, observations, afterwards);
  });
}

/** Two hosts that report to a process. */
interface Fleet {
  /** Stops the heartbeats of the host `ended`, and returns the time of the last heartbeat. */
  endFirst(): number;
  /** Stops the heartbeats of the host `reporting`. */
  endSecond(): void;
}

async function openFleet({ url }: Api, adminKey: string, use: Use): Promise<Fleet> {
  const client = use(createHttp(url), (each) => each.close());
  const { token } = await createEnrollment(createOperator(client, adminKey), 2);
  const first = await sendHeartbeats(client, await enroll(client, token, 'ended'));
  const second = await sendHeartbeats(client, await enroll(client, token, 'reporting'));
  use(null, () => [first, second].forEach((host) => host.end()));
  return { endFirst: () => first.end(), endSecond: () => void second.end() };
}

/** Sends heartbeats of a host until `end` is called, even while the API is down. */
async function sendHeartbeats(client: Http, agent: AgentSession): Promise<{ end: () => number }> {
  await client.send(snapshotRequest(agent, JSON.stringify(numberedSnapshot(1, 1))));
  let sentAt = performance.now();
  const timer = setInterval(() => {
    sentAt = performance.now();
    client.send(heartbeatRequest(agent, null)).catch(() => undefined);
  }, 500);
  return {
    end: () => {
      clearInterval(timer);
      return sentAt;
    },
  };
}

interface Observations {
  /** Milliseconds from the last heartbeat of the host `ended` until every replica shows this host as stale. */
  staleMs: number;
  /** The total number of hosts in all responses. */
  hosts: number;
  /** How many of these hosts had an instant in the future. */
  future: number;
}

/** Stops the heartbeats of the host `ended`. Then polls all hosts until every replica returns this host as stale. */
async function observeEnd(fleet: Fleet, operators: readonly Operator[]): Promise<Observations> {
  const observations: Observations = { staleMs: NaN, hosts: 0, future: 0 };
  const endedAt = fleet.endFirst();
  while (performance.now() - endedAt < STALE_MS_MAX + 5_000) {
    const lists = await Promise.all(operators.map((operator) => operator.all('listHosts')));
    for (const host of lists.flat()) {
      observations.hosts += 1;
      if (hasFutureInstant(host)) observations.future += 1;
    }
    if (lists.every((hosts) => hosts.find(({ name }) => name === 'ended')?.freshness === 'stale')) {
      observations.staleMs = performance.now() - endedAt;
      return observations;
    }
    await sleep(100);
  }
  return observations;
}

/**
 * An instant that is ahead of the test's clock by more than this number of milliseconds counts as in the future. The
 * wrong clock is ahead by far more.
 */
const AHEAD_NOTICEABLE_MS = 5_000;

const hasFutureInstant = ({ lastSeenAt, confirmedAt }: Host): boolean =>
  [lastSeenAt, confirmedAt].some((at) => at !== null && Date.parse(at) > Date.now() + AHEAD_NOTICEABLE_MS);

const freshnessOf = async (operator: Operator): Promise<ReadonlyMap<string, Host['freshness']>> =>
  new Map((await operator.all('listHosts')).map(({ name, freshness }) => [name, freshness]));

function report(
  what: string,
  { staleMs, hosts, future }: Observations,
  afterwards: ReadonlyMap<string, Host['freshness']>,
): Finding[] {
  const kept = [afterwards.get('reporting') === 'online', afterwards.get('ended') === 'stale'];
  return [
    atMost(`${what}: time until a dead host is shown as stale`, staleMs, STALE_MS_MAX, seconds),
    never(`${what}: instants in the future`, future, hosts, 'hosts in answers'),
    always(`${what}: correct freshness after an outage of 10 s`, kept.filter(Boolean).length, kept.length, 'hosts'),
  ];
}
