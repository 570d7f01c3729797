import { execFile } from 'node:child_process';
import { rename } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { eventually, withDisposables } from '@muster/testkit';
import { SyncSummary } from '@muster/contracts';
import { type AgentSession, heartbeatRequest, snapshotRequest } from '@muster/fleet';
import { createHttp, type Call, type Http } from '@muster/testkit/http';
import {
  always,
  atMost,
  never,
  type Finding,
  type Guarantee,
  type CheckContext,
} from '../../../src/faults/guarantee.js';
import { enroll } from '../parts/agent.js';
import { createEnrollment, createOperator, type Operator } from '../parts/operator.js';
import { startReplicas } from '../parts/replicas.js';
import { onDatabase, withServer, type Server } from '../parts/server.js';
import { listen } from '../parts/stream.js';
import { seconds } from '../../../src/faults/format.js';

/** Replicas discard cached state when the database loses its last commits while they run. */
export const restored: Guarantee = {
  title: 'Replicas notice when the database loses its last commits',
  check: (context) => withServer((server) => loseLastCommits(context, server)),
};

const REPLICAS = 2;
/**
 * The number of transactions that the restore loses, in addition to the transactions that stored a revision of each
 * host.
 */
const LOST_TRANSACTIONS = 2_000;
const REJECTED_MS_MAX = 5_000;
const STREAM_MS_MAX = 15_000;
/** Longer than the interval at which a process polls for revocations. */
const POLL_MS = 3_000;
/** How long the test sends heartbeats with revoked tokens. */
const WATCH_MS = 8_000;

async function loseLastCommits(
  { plan, progress }: CheckContext,
  { cluster, createDatabase }: Server,
): Promise<Finding[]> {
  const databaseUrl = await createDatabase('faults_restored');
  return withDisposables(async (use) => {
    const env = { DATABASE_URL: databaseUrl, MUSTER_AUTH_FAILURES_PER_MINUTE: '0' };
    const { adminKey, replicas } = await startReplicas(REPLICAS, env, use);
    const [a, b] = replicas.map(({ url }) => use(createHttp(url), (each) => each.close())) as [Http, Http];
    const operator = createOperator(b, adminKey);
    const { hosts: count } = plan.restored;
    const { token } = await createEnrollment(operator, 2 * count);
    const enrolled = async (kind: string) => {
      const agents: AgentSession[] = [];
      for (let i = 0; i < count; i++) agents.push(await enroll(a, token, `${kind}-${i}`));
      return agents;
    };
    const [reporting, revoked] = [await enrolled('reporting'), await enrolled('revoked')];
    for (const agent of [...reporting, ...revoked]) await send(a, snapshotRequest(agent, body('running', 'running')));

    await cluster.crash();
    await saveFiles(cluster.data);
    await cluster.restart();
    progress('restored: a copy of the database is saved');
    // These snapshots create revisions, and the first replica caches them. The restore will lose these revisions and
    // the transactions below.
    for (const agent of reporting) await send(a, snapshotRequest(agent, body('running', 'exited')));
    await onDatabase(databaseUrl, async (client) => {
      for (let i = 0; i < LOST_TRANSACTIONS; i++) await client.query('SELECT pg_current_xact_id()');
    });
    await sleep(POLL_MS);
    const listener = use(await listen(replicas[0]!.url, adminKey), (each) => each.close());
    const attempts = revoked.map((agent) => sendUntilStopped(a, agent));
    await sleep(POLL_MS);
    await cluster.crash();
    await restoreFiles(cluster.data);
    await cluster.restart();
    progress('restored: the database is replaced by the copy');

    // The restored server reuses transaction ids. This revocation gets an id that the first replica has already read
    // from a lost transaction. That replica has read nothing since the restore.
    await revokeTokens(databaseUrl, revoked);
    const revokedAt = performance.now();
    const sentAt = performance.now();
    const streamMs = eventually(() => {
      if (!/event: (container|reset)/.test(listener.text())) throw new Error('the stream sent no change and no reset');
      return performance.now() - sentAt;
    }, STREAM_MS_MAX).catch(() => NaN);
    // These snapshots create revisions with the numbers of the lost revisions but with other content. The first replica
    // has cached only the lost revisions.
    for (const agent of reporting) await send(b, snapshotRequest(agent, body('running', 'running', 'running')));
    const rows = await Promise.all(reporting.map((agent) => compare(a, operator, agent)));
    await sleep(WATCH_MS);
    const lastAcceptedMs = Math.max(
      0,
      ...(await Promise.all(attempts.map((stop) => stop()))).map((at) => at - revokedAt),
    );
    progress('restored: snapshots, tokens and the stream were checked');
    return [
      never(
        'applied snapshots that differ from the rows',
        rows.filter((row) => row === 'wrong').length,
        count,
        'hosts',
      ),
      always('snapshots applied', rows.filter((row) => row !== 'refused').length, count, 'snapshots'),
      atMost(`revoked token last accepted after (${count} tokens)`, lastAcceptedMs, REJECTED_MS_MAX, seconds, {
        timed: false,
      }),
      atMost('time until an open stream reports the change or a reset', await streamMs, STREAM_MS_MAX, seconds),
    ];
  });
}

/** Copies the files of a stopped server. `-a` preserves owners and modes, which PostgreSQL checks. */
const saveFiles = (data: string) => promisify(execFile)('cp', ['-a', data, `${data}.saved`]);

/** Replaces the files of a stopped server with the copy. Renaming directories takes almost no time. */
async function restoreFiles(data: string): Promise<void> {
  await rename(data, `${data}.lost`);
  await rename(`${data}.saved`, data);
}

/** Returns a snapshot of containers in these states. */
const body = (...states: string[]): string =>
  JSON.stringify(states.map((state, i) => ({ dockerId: `c${i}`, name: `c${i}`, image: 'nginx:1', state })));

/** Repeats a call until it succeeds, as an agent does. */
async function send(client: Http, call: Call): Promise<string> {
  return eventually(async () => {
    const { status, text } = await client.send(call);
    if (status !== 200) throw new Error(`${call.path} answered ${status}: ${text.slice(0, 300)}`);
    return text;
  });
}

/**
 * Sends a host's snapshot to a replica that has cached another snapshot of the host. Compares the sent snapshot with
 * what an operator reads.
 */
async function compare(client: Http, operator: Operator, agent: AgentSession): Promise<'equal' | 'wrong' | 'refused'> {
  const states = ['exited', 'exited'];
  const { applied } = SyncSummary.parse(JSON.parse(await send(client, snapshotRequest(agent, body(...states)))));
  if (!applied) return 'refused';
  const containers = await operator.all('listContainers', { query: { hostId: [agent.hostId] } });
  const found = containers.map(({ dockerId, state }) => `${dockerId} ${state}`).sort();
  return found.join() === states.map((state, i) => `c${i} ${state}`).join() ? 'equal' : 'wrong';
}

/** Revokes the tokens of these hosts directly in the database, as if an operator had used another replica. */
const revokeTokens = (databaseUrl: string, agents: readonly AgentSession[]): Promise<unknown> =>
  onDatabase(databaseUrl, (client) =>
    client.query('UPDATE agent_tokens SET "revokedAt" = now() WHERE "hostId" = ANY ($1::uuid[])', [
      agents.map(({ hostId }) => hostId),
    ]),
  );

/**
 * Sends heartbeats repeatedly. The returned function stops the heartbeats, and returns when the last accepted heartbeat
 * was sent.
 */
function sendUntilStopped(client: Http, agent: AgentSession): () => Promise<number> {
  let isOver = false;
  let lastAcceptedAt = 0;
  const sendHeartbeats = async () => {
    while (!isOver) {
      const sentAt = performance.now();
      const { status } = await client.send(heartbeatRequest(agent, null));
      if (status === 200) lastAcceptedAt = sentAt;
      await sleep(100);
    }
    return lastAcceptedAt;
  };
  const ended = sendHeartbeats();
  return () => {
    isOver = true;
    return ended;
  };
}
