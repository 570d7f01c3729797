/**
 * Fuzzes every route of the application with calls that nearly fit its contract and with damaged HTTP messages. Invalid
 * input must never cause a 5xx, and a refused call must write nothing. `MUSTER_TEST_FUZZ_CASES` sets the number of
 * calls per engine (by default, 400). To repeat a run, set `MUSTER_TEST_FUZZ_SEED` to its seed.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import fc from 'fast-check';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { issueToken } from '../src/lib/tokens.js';
import { serve, type HttpServer } from '../src/http/server.js';
import { callsOf, toBytes, type Call, type Caller } from './fuzz/call.js';
import { exchange, type RawAnswer } from './fuzz/raw-exchange.js';
import { container } from './fixtures.js';
import { useApi } from './harness.js';
import { routesOf } from './route-table.js';

const IS_LONG_RUN = process.env['MUSTER_TEST_FUZZ_CASES'] !== undefined;
const CASES = Number(process.env['MUSTER_TEST_FUZZ_CASES'] ?? 400);

/** Headers that determine where a message ends, or that switch to another protocol. */
const FRAMING: ReadonlySet<string> = new Set(['Transfer-Encoding', 'Upgrade', 'Expect']);

const SEED = process.env['MUSTER_TEST_FUZZ_SEED'];

interface DatabaseState {
  horizon: string;
  rows: string;
}

const UNCOMPARED_COLUMNS = "'lastSeenAt', 'lastUsedAt', 'firstUsedAt', 'snapshotRefusedAt', 'snapshotRefusedReason'";

describe.each(testEngines())('a call on %s', (engine) => {
  // The timeouts are long because the database of a busy machine can be slow regardless of the input.
  const timeouts = { connectTimeoutMs: 60_000, statementTimeoutMs: 60_000, queryTimeoutMs: 60_000 };
  const context = useApi(engine, { database: timeouts });
  let server: HttpServer;
  let port: number;
  let ids: Record<string, string>;
  let tokens: Record<Caller, string | null>;
  const statuses = new Map<number, number>();

  beforeAll(async () => {
    server = await serve(context.api.app, { host: '127.0.0.1', port: 0 });
    port = Number(new URL(server.url).port);
  });
  afterAll(() => server.drain(0));

  /**
   * Creates an organization with a host, its objects and valid credentials of every kind, and deletes everything else.
   */
  async function resetDatabase(): Promise<DatabaseState> {
    // Deletes the rows of earlier calls. The tests read all rows, and would otherwise become slower with each call.
    await context.api.db.prisma.organization.deleteMany();
    const organization = await context.api.organization();
    const host = await organization.enroll();
    await host.sync([container('there'), container('other', { state: 'exited', status: 'Exited (1) 2 hours ago' })]);
    const enrollment = await organization.enrollmentToken({ name: 'fuzz', maxUses: 1000 });
    ids = { hostId: host.id, dockerId: 'there', enrollmentTokenId: enrollment.id };
    tokens = {
      anonymous: null,
      agent: host.token,
      enroll: enrollment.token,
      admin: organization.adminKey,
      viewer: await context.api.apiKey(organization.id, 'viewer'),
      unknownKey: issueToken('key').token,
    };
    return readState();
  }

  /** Reads the transaction horizon, which rises if and only if a transaction writes. */
  async function horizon(): Promise<string> {
    const [row] = await context.api.db.prisma.$queryRaw<{ at: string }[]>`
      SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS at`;
    return row!.at;
  }

  /** Reads the transaction horizon and a fingerprint of all rows. */
  const readState = async (): Promise<DatabaseState> => ({ horizon: await horizon(), rows: await fingerprint() });

  /** Reads the rows only if the horizon has changed, because reading rows takes twenty times as long. */
  const readStateAgain = async (before: DatabaseState): Promise<DatabaseState> =>
    (await horizon()) === before.horizon ? before : readState();

  /**
   * Returns a fingerprint of all rows. It ignores what a refused call may write: the time when a caller was last seen,
   * the refusal of a host's snapshot with the event of this problem, and the audit entry of a failed sign-in.
   */
  async function fingerprint(): Promise<string> {
    const { prisma } = context.api.db;
    const tables = await prisma.$queryRaw<{ name: string }[]>`
      SELECT relname::text AS name FROM pg_class
      WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname NOT IN ('_prisma_migrations', 'service_liveness')
      ORDER BY 1`;
    const fingerprints = tables.map(
      ({ name }) =>
        `SELECT sum(hashtextextended((to_jsonb(t) - ARRAY[${UNCOMPARED_COLUMNS}])::text, 0)) FROM "${name}" AS t
         WHERE to_jsonb(t) ->> 'action' IS DISTINCT FROM 'user.sign_in_failed'
           AND to_jsonb(t) #>> '{to,code}' IS DISTINCT FROM 'snapshot_refused'`,
    );
    const [row] = await prisma.$queryRawUnsafe<{ all: unknown }[]>(
      `SELECT jsonb_build_array(${fingerprints.map((sql) => `(${sql})`).join(', ')})::text AS "all"`,
    );
    return String(row?.all);
  }

  const isRead = (call: Call): boolean => ['GET', 'HEAD', 'OPTIONS'].includes(call.method) && call.damage.length === 0;

  async function check(call: Call, before: DatabaseState): Promise<DatabaseState> {
    const isCut = call.damage.length > 0 || call.headers.some(([name]) => FRAMING.has(name));
    const answer = await exchange(port, toBytes(call, { ids, tokens }), isCut);
    if (answer === null) {
      // Only a message that looks incomplete can be left without a response, because the server waits for the rest. The
      // server might also still be processing the call, so `resetDatabase` replaces the objects that the call uses.
      expect({ call, isCut }).toEqual({ call, isCut: true });
      return resetDatabase();
    }
    const after = await readStateAgain(before);
    const { status } = answer;
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    expect({ status, isServersFault: status >= 500, body: status >= 500 ? answer.body : '' }).toEqual({
      status,
      isServersFault: false,
      body: '',
    });
    if (status >= 400) expectProblem(answer, call);
    if (status >= 400 || isRead(call)) expect(after.rows).toBe(before.rows);
    // A successful call may have deleted objects that later calls need.
    return after.rows === before.rows ? after : resetDatabase();
  }

  function expectProblem({ contentType, body, status }: RawAnswer, call: Call): void {
    expect(contentType).toMatch(/^application\/problem\+json/);
    if (call.method === 'HEAD' || call.damage.length > 0) return;
    const [, json = ''] = /^[^{]*(\{.*\})[^}]*$/s.exec(body) ?? [];
    expect(JSON.parse(json)).toMatchObject({ status, title: expect.any(String), requestId: expect.any(String) });
  }

  test('never gets a 5xx for invalid input on any route, and writes nothing if it is refused', async () => {
    // The live stream is left out, because a successful call never ends. The stream refuses calls in the same way as
    // all other routes.
    const routes = routesOf(context.api.app).filter((route) => route !== `GET ${Paths.stream}`);
    const calls = fc.oneof(...routes.map(callsOf));
    let before = await resetDatabase();
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    await fc.assert(
      fc.asyncProperty(calls, async (call) => {
        before = await check(call, before);
      }),
      { numRuns: CASES, ...(SEED === undefined ? {} : { seed: Number(SEED) }), endOnFailure: true },
    );
    if (IS_LONG_RUN) {
      const answers = [...statuses].sort().map(([status, count]) => `${count} x ${status}`);
      const rssMib = Math.round(process.memoryUsage().rss / 2 ** 20);
      // The memory and the blocked time include the generation of the calls, which also runs in this process.
      process.stderr.write(`${engine}: ${CASES} calls; ${answers.join(', ')}; RSS ${rssMib} MiB; `);
      process.stderr.write(`event loop blocked for at most ${Math.round(delay.max / 1e6)} ms\n`);
    }
    // These statuses show that some calls passed authentication and succeeded, and that others failed in several ways.
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 400, 401, 404]));
    expect(await context.api.http.get('/readyz')).toMatchObject({ status: 200 });
  }, 3_600_000);
});
