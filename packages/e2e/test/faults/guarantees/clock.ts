import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '@muster/contracts';
import { type AgentSession, heartbeatRequest, numberedSnapshot, snapshotRequest } from '@muster/fleet';
import { always, atMost, never, type Finding, type Guarantee, type Rig } from '../../../src/faults/guarantee.js';
import { enroll } from '../parts/agent.js';
import { newAdminKey, startApi, type Api } from '../parts/api.js';
import { withClosers, type Closers } from '../parts/closers.js';
import { createClient, type Client } from '../parts/http.js';
import { createOperator, type Operator } from '../parts/operator.js';
import { onDatabase, withServer } from '../parts/server.js';
import { seconds } from '../../../src/faults/report.js';

/** A wrong clock of one process affects no freshness, instant or outage after the clock is corrected. */
export const clock: Guarantee = {
  id: 'clock',
  title: 'A wrong clock has no effect after it is corrected',
  check: async (rig) => [
    ...(await withServer(async ({ createDatabase }) => onServer(rig, await createDatabase('faults_clock')))),
    ...(await withDirectory((directory) => onEmbedded(rig, join(directory, 'data')))),
  ],
};

/** How far the clock is ahead, and for how long. */
const AHEAD_MS = 3_600_000;
const AHEAD_FOR_MS = 8_000;
/** The heartbeat interval of each agent, and the silence after which its host is stale. */
const HEARTBEAT_SECONDS = 2;
const GRACE_MS = 3 * HEARTBEAT_SECONDS * 1_000;
/** Maximum time until a host that ended is shown as stale: its grace period, and time for a busy machine. */
const STALE_MS_MAX = GRACE_MS + 7_000;
/** How long a host is stale before Muster goes down. Muster's last recorded liveness may be older than its end. */
const SETTLED_MS = 4_000;
/** How long Muster is down, which is longer than a host's grace period. */
const DOWN_MS = 10_000;

async function withDirectory<T>(action: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'muster-faults-'));
  try {
    return await action(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const ENV = { MUSTER_HEARTBEAT_SECONDS: String(HEARTBEAT_SECONDS) };

/** Starts one of two replicas with a clock that is an hour ahead, and then corrects the clock. */
async function onServer({ progress }: Rig, databaseUrl: string): Promise<Finding[]> {
  const what = 'PostgreSQL';
  return withClosers(async (closers) => {
    const options = { env: { DATABASE_URL: databaseUrl, ...ENV }, adminKey: newAdminKey() };
    const right = await startApi(options);
    closers.add(null, () => right.program.stop('SIGKILL'));
    const wrong = await startApi({ ...options, clockAheadMs: AHEAD_MS });
    closers.add(null, () => wrong.program.stop('SIGKILL'));
    const fleet = await openFleet(wrong, options.adminKey, closers);
    const [operator, other] = [right, wrong].map(({ url }) =>
      createOperator(
        closers.add(createClient(url), (each) => each.close()),
        options.adminKey,
      ),
    ) as [Operator, Operator];
    await passed(AHEAD_FOR_MS);
    await wrong.setClockAhead(0);
    progress(`clock: ${what}, a replica was an hour ahead for ${AHEAD_FOR_MS / 1_000} s`);
    const death = await watchDeath(fleet, [operator, other]);

    await passed(SETTLED_MS);
    fleet.silence();
    await Promise.all([right, wrong].map(({ program }) => program.stop('SIGKILL')));
    await passed(DOWN_MS);
    const back = await startApi({ ...options, port: right.port });
    closers.add(null, () => back.program.stop('SIGKILL'));
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
      ...report(what, death, afterwards),
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

/** Sets the clock of an embedded database's only process an hour ahead, and then back. */
async function onEmbedded({ progress }: Rig, directory: string): Promise<Finding[]> {
  const what = 'PGlite';
  return withClosers(async (closers) => {
    const options = { env: { MUSTER_DATA_DIR: directory, ...ENV }, adminKey: newAdminKey() };
    const api = await startApi({ ...options, clockAheadMs: 0 });
    closers.add(null, () => api.program.stop('SIGKILL'));
    const fleet = await openFleet(api, options.adminKey, closers);
    const client = closers.add(createClient(api.url), (each) => each.close());
    const operator = createOperator(client, options.adminKey);
    await api.setClockAhead(AHEAD_MS);
    await passed(AHEAD_FOR_MS);
    await api.setClockAhead(0);
    progress(`clock: ${what}, the process was an hour ahead for ${AHEAD_FOR_MS / 1_000} s`);
    const death = await watchDeath(fleet, [operator]);

    await passed(SETTLED_MS);
    fleet.silence();
    await api.program.stop('SIGKILL');
    await passed(DOWN_MS);
    const back = await startApi({ ...options, port: api.port });
    closers.add(null, () => back.program.stop('SIGKILL'));
    const afterwards = await freshnessOf(operator);
    progress(`clock: ${what}, after an outage: ${[...afterwards].join(' ')}`);
    return report(what, death, afterwards);
  });
}

const passed = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Two hosts that report to a process. */
interface Fleet {
  /** Ends the host `dies`, and returns when its last heartbeat was sent. */
  kill(): number;
  /** Also ends the host `lives`, because heartbeats that it sends while Muster is down do not arrive. */
  silence(): void;
}

async function openFleet({ url }: Api, adminKey: string, closers: Closers): Promise<Fleet> {
  const client = closers.add(createClient(url), (each) => each.close());
  const { token } = await createOperator(client, adminKey).enrollmentToken(2);
  const dies = await beat(client, await enroll(client, token, 'dies'));
  const lives = await beat(client, await enroll(client, token, 'lives'));
  closers.add(null, () => [dies, lives].forEach((host) => host.end()));
  return { kill: () => dies.end(), silence: () => void lives.end() };
}

/** Reports for a host until it is ended. Retries while the API is down, as an agent does. */
async function beat(client: Client, agent: AgentSession): Promise<{ end: () => number }> {
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

interface Death {
  /** Milliseconds from the last heartbeat of the ended host until every replica returns it as stale. */
  staleMs: number;
  /** Number of returned hosts, and of those with an instant in the future. */
  answers: number;
  ahead: number;
}

async function watchDeath(fleet: Fleet, operators: readonly Operator[]): Promise<Death> {
  const death: Death = { staleMs: NaN, answers: 0, ahead: 0 };
  const diedAt = fleet.kill();
  while (performance.now() - diedAt < STALE_MS_MAX + 5_000) {
    const lists = await Promise.all(operators.map((operator) => operator.hosts()));
    for (const host of lists.flat()) {
      death.answers += 1;
      if (isAhead(host)) death.ahead += 1;
    }
    if (lists.every((hosts) => hosts.find(({ name }) => name === 'dies')?.freshness === 'stale')) {
      death.staleMs = performance.now() - diedAt;
      return death;
    }
    await passed(100);
  }
  return death;
}

/** An instant that is further ahead than this is in the future. Much less than the error of the wrong clock. */
const AHEAD_NOTICEABLE_MS = 5_000;

const isAhead = ({ lastSeenAt, confirmedAt }: Host): boolean =>
  [lastSeenAt, confirmedAt].some((at) => at !== null && Date.parse(at) > Date.now() + AHEAD_NOTICEABLE_MS);

const freshnessOf = async (operator: Operator): Promise<ReadonlyMap<string, Host['freshness']>> =>
  new Map((await operator.hosts()).map(({ name, freshness }) => [name, freshness]));

function report(what: string, death: Death, afterwards: ReadonlyMap<string, Host['freshness']>): Finding[] {
  const kept = [afterwards.get('lives') === 'online', afterwards.get('dies') === 'stale'];
  return [
    atMost(`${what}: time until a dead host is shown as stale`, death.staleMs, STALE_MS_MAX, seconds),
    never(`${what}: instants in the future`, death.ahead, death.answers, 'hosts in answers'),
    always(`${what}: correct freshness after an outage of 10 s`, kept.filter(Boolean).length, kept.length, 'hosts'),
  ];
}
