import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Paths, SnapshotHeaderNames } from '@muster/contracts';
import { newToken, withDisposables } from '@muster/testkit';
import { formatBytes, formatMs } from '@muster/testkit/report';
import { type AgentSession, snapshotRequest } from '@muster/fleet';
import { createHttp, type Call, type Http, type Reply } from '@muster/testkit/http';
import {
  always,
  atMost,
  never,
  type Finding,
  type Guarantee,
  type CheckContext,
} from '../../../src/faults/guarantee.js';
import {
  announcement,
  dribble,
  holdOpen,
  hostileBodies,
  hostileHeads,
  statusesOf,
  type Dribble,
} from '../load/hostile.js';
import { enroll } from '../parts/agent.js';
import { startApi, type Api } from '../parts/api.js';
import { peakBytes, residentBytes, resetPeak } from '../parts/memory.js';
import { createEnrollment, createOperator } from '../parts/operator.js';
import { withServer } from '../parts/server.js';
import { seconds } from '../../../src/faults/format.js';

/** Hostile input is refused with bounded memory and bounded blocking of the event loop. */
export const abuse: Guarantee = {
  title: 'Hostile input is refused at low cost',
  check: (context) =>
    withServer(async ({ createDatabase }) => sendHostileInput(context, await createDatabase('faults_abuse'))),
};

const DRIBBLE_MS_MAX = 20_000;
/**
 * Maximum increase in memory over the idle process. It covers 64 MiB of request bodies (compressed and decompressed
 * bytes), the values that the parser creates from one part of a body, code that loads at its first use, and garbage
 * that V8 has not collected yet.
 */
const MEMORY_BYTES_MAX = 150e6;
/** Maximum time for which the event loop may be blocked. */
const BLOCK_MS_MAX = 100;
/** Maximum bytes of a response. A page ends when it reaches its byte limit, so the last row can exceed the limit. */
const PAGE_BYTES_MAX = 2e6;

/**
 * Number of concurrent bodies. Together, the bodies fit into the memory limit for bodies, so the API refuses no body
 * for lack of memory.
 */
const AT_ONCE = 3;

/** The time without requests, in ms, after which a process is idle. */
const IDLE_AFTER_MS = 3_000;

/** Returns the names and statuses of outcomes, each combination once. */
const namesOf = (outcomes: readonly Outcome[]) => new Set(outcomes.map(({ name, status }) => `${name}: ${status}`));

/** A response to a hostile request. */
interface Outcome {
  name: string;
  /** The status, or 0 if no response arrived. */
  status: number;
}

async function sendHostileInput({ plan, progress }: CheckContext, databaseUrl: string): Promise<Finding[]> {
  return withDisposables(async (use) => {
    const adminKey = newToken();
    const env = {
      DATABASE_URL: databaseUrl,
      MUSTER_AGENT_REQUESTS_PER_MINUTE: '0',
      MUSTER_AUTH_FAILURES_PER_MINUTE: '0',
    };
    const api = use(await startApi({ env, adminKey }), (each) => each.stop());
    const client = use(createHttp(api.url), (each) => each.close());
    const enrollment = await createEnrollment(createOperator(client, adminKey), 10);
    const agent = await enroll(client, enrollment.token, 'hostile');
    await client.send(snapshotRequest(agent, '[]'));
    const bodies = await hostileBodies();
    await sleep(IDLE_AFTER_MS);
    const idleBytes = residentBytes(api.program.pid);
    resetPeak(api.program.pid);
    await api.call('longestBlockMs');

    const memory = () => `${formatBytes(peakBytes(api.program.pid) - idleBytes)} above idle so far`;
    const outcomes: Outcome[] = [];
    const worst = { name: '', busyMs: 0 };
    const measure = async (name: string, action: () => Promise<Outcome[]>) => {
      outcomes.push(...(await action()));
      const busyMs = await api.call('longestBlockMs');
      if (busyMs > worst.busyMs) Object.assign(worst, { name, busyMs });
    };
    for (let repeat = 1; repeat <= plan.abuse.repeats; repeat++) {
      for (const { name, body, gzip } of bodies) {
        const headers: Record<string, string> = gzip ? { 'content-encoding': 'gzip' } : {};
        for (const target of targetsOf(agent, enrollment.token, adminKey)) {
          const call: Call = { ...target, headers, body };
          await measure(`${name} to ${target.path}`, () => all(AT_ONCE, () => answerTo(client, name, call)));
        }
      }
      for (const { name, head } of hostileHeads()) {
        await measure(name, () => all(AT_ONCE, () => answerToBytes(api, name, head)));
      }
      progress(`abuse: hostile bodies and headers, ${repeat} of ${plan.abuse.repeats}, ${memory()}`);
    }
    progress(`abuse: ${worst.name} blocked the event loop longest (${formatMs(worst.busyMs)})`);
    const serverErrors = outcomes.filter(({ status }) => status >= 500);
    for (const line of namesOf(serverErrors)) progress(`abuse: ${line}`);

    const victim = await enroll(client, enrollment.token, 'well-behaved');
    const calls = await callDuringUnsentBodies(api, client, { agent, victim, adminKey });
    progress(`abuse: announced bodies were held, ${memory()}`);
    const refused = calls.filter(({ status }) => status === 429 || status === 503 || status === 0);
    for (const line of namesOf(refused)) progress(`abuse: ${line}`);

    const closedAfterMs = await dribbleAll(api, agent, plan.abuse.dribblers);
    progress(`abuse: slow connections were closed, ${memory()}`);
    const pages = await readLargePages(client, agent, adminKey);
    progress(`abuse: ${pages.length} pages of containers of the maximum size, ${memory()}`);
    const health = await client.send({ path: Paths.ready });
    const memoryBytes = peakBytes(api.program.pid) - idleBytes;
    return [
      never('5xx answers', serverErrors.length, outcomes.length, 'hostile requests'),
      never('refused calls of other clients while announced bodies are late', refused.length, calls.length, 'calls'),
      atMost(
        'largest page of containers of the maximum size',
        Math.max(...pages.map(({ text }) => Buffer.byteLength(text))),
        PAGE_BYTES_MAX,
        formatBytes,
        { timed: false },
      ),
      always(
        'pages of such containers answered with 200',
        pages.filter(({ status }) => status === 200).length,
        pages.length,
        'pages',
      ),
      atMost('memory above idle', memoryBytes, MEMORY_BYTES_MAX, formatBytes, { timed: false }),
      atMost('longest block of the event loop', worst.busyMs, BLOCK_MS_MAX, formatMs),
      atMost(
        `time until ${closedAfterMs.length} slow connections are closed`,
        Math.max(...closedAfterMs),
        DRIBBLE_MS_MAX,
        seconds,
      ),
      always('ready afterwards', health.status === 200 ? 1 : 0, 1, 'check'),
    ];
  });
}

const all = <T>(count: number, action: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, action));

/** Returns calls that have a body. The last call has an unknown token, with which the API does not read the body. */
function targetsOf(agent: AgentSession, enrollmentToken: string, adminKey: string): Call[] {
  return [
    { method: 'POST', path: Paths.agentContainers, token: agent.token },
    { method: 'POST', path: Paths.agentHeartbeat, token: agent.token },
    { method: 'POST', path: Paths.agentEnroll, token: enrollmentToken },
    { method: 'POST', path: Paths.enrollmentTokens, token: adminKey },
    { method: 'PATCH', path: Paths.host.replace(':hostId', agent.hostId), token: adminKey },
    { method: 'POST', path: Paths.agentContainers, token: 'nobody' },
  ];
}

/**
 * If the server refuses a request while the client is sending, the server may close the connection. This counts as a
 * refusal.
 */
async function answerTo(client: Http, name: string, call: Call): Promise<Outcome> {
  const reply = await client.send(call).catch(() => null);
  return { name: `${name} to ${call.path}`, status: reply?.status ?? 0 };
}

async function answerToBytes({ port }: Api, name: string, bytes: string): Promise<Outcome> {
  const [status = 0] = await statusesOf(port, bytes, 2_000);
  return { name, status };
}

/** The time in ms after which the server has read all request heads. */
const HEADS_READ_MS = 300;

/**
 * Returns request heads that announce bodies. Bodies of these sizes once filled the memory that all callers shared: 48
 * MiB for snapshots, 8 MiB for small calls, and 8 MiB for operators' calls.
 */
function unsentBodies({ token }: AgentSession): { name: string; heads: string[] }[] {
  const large = [...Array<number>(4).fill(10_485_760), 8_378_368];
  const small = [...Array<number>(124).fill(65_536), 6_144];
  const heads = (target: string, sizes: readonly number[], bearer?: string) =>
    sizes.map((bytes) => announcement(target, bytes, bearer));
  return [
    { name: 'snapshots of one agent', heads: heads(Paths.agentContainers, large, token) },
    { name: 'heartbeats of one agent', heads: heads(Paths.agentHeartbeat, small, token) },
    { name: 'a snapshot to an absolute URL', heads: heads(`http://x${Paths.agentContainers}`, [8_386_560], token) },
    { name: 'sign-ins', heads: heads(Paths.session, small) },
    { name: 'invitations', heads: heads(Paths.invitationOffer, small) },
  ];
}

/** Returns the responses to other clients while the API waits for bodies that were announced but not sent. */
async function callDuringUnsentBodies(
  { port }: Api,
  client: Http,
  { agent, victim, adminKey }: { agent: AgentSession; victim: AgentSession; adminKey: string },
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { name, heads } of unsentBodies(agent)) {
    const release = await holdOpen(port, heads);
    await sleep(HEADS_READ_MS);
    const body = '{"digest":null,"engineError":"none"}';
    const others: Call[] = [
      snapshotRequest(victim, '[]'),
      { method: 'POST', path: Paths.agentHeartbeat, token: victim.token, body },
      { method: 'POST', path: Paths.enrollmentTokens, token: adminKey, body: '{"name":"beside"}' },
      { method: 'POST', path: Paths.session, body: '{"email":"a@example.com","password":"not the right one"}' },
    ];
    for (const call of others) outcomes.push(await answerTo(client, `while holding ${name}`, call));
    release();
  }
  return outcomes;
}

/** Number of containers with a command of 9 MB. */
const LARGE_COMMANDS = 10;
/** Number of containers with the maximum number of labels. */
const LARGE_LABELS = 140;

/** Stores the largest containers that a host can send, and reads them as an operator. */
async function readLargePages(client: Http, agent: AgentSession, adminKey: string): Promise<Reply[]> {
  const container = (name: string) => ({ dockerId: name, name: ` ${name}`, image: 'nginx:1', state: 'running' });
  const incomplete = async (containers: object[]) => {
    const call = snapshotRequest(agent, gzipSync(JSON.stringify(containers), { level: 1 }));
    const headers = { ...call.headers, 'content-encoding': 'gzip', [SnapshotHeaderNames.complete]: 'false' };
    await client.send({ ...call, headers });
  };
  const command = 'a'.repeat(9 * 1_024 * 1_024);
  for (let i = 0; i < LARGE_COMMANDS; i++) await incomplete([{ ...container(`command-${i}`), command }]);
  const labels = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`label-${i}`, 'a'.repeat(4_000)]));
  await incomplete(Array.from({ length: LARGE_LABELS }, (_, i) => ({ ...container(`labels-${i}`), labels })));
  const paths = [
    '',
    '?limit=200',
    `?hostId=${agent.hostId}&limit=200`,
    '?q=labels-&limit=200',
    '?sort=image&limit=200',
  ];
  const pages: Reply[] = [];
  for (const path of paths)
    pages.push(...(await all(AT_ONCE, () => client.send({ path: Paths.containers + path, token: adminKey }))));
  return pages;
}

/** Returns the milliseconds until each of `count` slow connections was closed. */
function dribbleAll({ port }: Api, agent: AgentSession, count: number): Promise<number[]> {
  const head = (length: number) =>
    [
      `POST ${Paths.agentContainers} HTTP/1.1`,
      ...['Host: x', `Authorization: Bearer ${agent.token}`, 'Content-Type: application/json'],
      ...[`Content-Length: ${length}`, '', ''],
    ].join('\r\n');
  const kinds: Dribble[] = [
    { name: 'sends nothing', prefix: '', rest: '' },
    { name: 'half a header, then nothing', prefix: 'GET / HTTP/1.1\r\nHost', rest: '' },
    { name: 'a header, byte by byte', prefix: '', rest: 'GET / HTTP/1.1\r\nHost: x\r\nx: aaaaaaaaaaaaaaaaaaaaaaa' },
    { name: 'a body, byte by byte', prefix: head(1_000), rest: '[' },
    { name: 'half a body, then nothing', prefix: `${head(1_000)}[`, rest: '' },
    {
      name: 'chunks, byte by byte',
      prefix: head(0).replace('Content-Length: 0', 'Transfer-Encoding: chunked'),
      rest: '1\r\n \r\n',
    },
  ];
  return Promise.all(
    Array.from({ length: count }, (_, i) => dribble(port, kinds[i % kinds.length]!, 2 * DRIBBLE_MS_MAX)),
  );
}
