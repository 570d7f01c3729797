/** Runs `muster move-database` between two starts of the API, and kills it in the middle. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EnrollmentTokenCreated, EnrollResponse, HeartbeatResponse, Paths, SyncSummary } from '@muster/contracts';
import { createEmptyServerDatabase, serverOnly } from '@muster/db/testing';
import { eventually, mainOf, newToken, startApi, startProgram, type Api, type Program } from '@muster/testkit';
import { createHttp, type Call } from '@muster/testkit/http';
import { withConnection } from '@muster/testkit/databases';
import { freePort } from '../support/ports.js';

const MACHINE = {
  name: 'web-1',
  engineId: 'engine-1',
  engine: { name: 'Docker', version: '28.5.2', apiVersion: '1.51' },
  os: 'linux',
  arch: 'x86_64',
  agentVersion: '0.1.0',
};
const CONTAINERS = ['a', 'b'].map((dockerId) => ({ dockerId, name: dockerId, image: 'nginx', state: 'running' }));

/**
 * Makes the server pause when the move creates the table of hosts, when it inserts the host, or when it commits. The
 * statement in the table `pauses.selected` is the one that pauses.
 */
const PAUSES = `
CREATE SCHEMA pauses;
CREATE TABLE pauses.selected (statement text);
INSERT INTO pauses.selected VALUES ('');
CREATE FUNCTION pauses.pause(statement text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  IF statement = (SELECT selected.statement FROM pauses.selected) THEN PERFORM pg_sleep(10); END IF;
END $$;
CREATE FUNCTION pauses.on_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  PERFORM pauses.pause(TG_ARGV[0]);
  RETURN NEW;
END $$;
CREATE FUNCTION pauses.on_table() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'public.hosts') THEN
    PERFORM pauses.pause('CREATE');
    CREATE TRIGGER pause BEFORE INSERT ON hosts FOR EACH ROW EXECUTE FUNCTION pauses.on_row('INSERT');
    CREATE CONSTRAINT TRIGGER pause_commit AFTER INSERT ON hosts DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION pauses.on_row('COMMIT');
  END IF;
END $$;
CREATE EVENT TRIGGER pause ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION pauses.on_table()`;

/** Ends the sessions that pause. */
const END_PAUSE = `SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity
WHERE wait_event = 'PgSleep' AND datname = current_database()`;

serverOnly(describe)('muster move-database', () => {
  const key = newToken();
  let folder: string;
  /** The directory of an embedded database that an agent and an owner's dashboard have used. */
  let original: string;
  let agentToken: string;
  let digest: string;
  let cookie: string;
  let port: number;
  let dataDir: string;
  let server: Awaited<ReturnType<typeof createEmptyServerDatabase>>;
  let api: Api | null = null;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-move-'));
    port = await freePort();
    original = join(folder, 'original');
    await start(original);
    const setupToken = (await readFile(join(original, 'setup-link'), 'utf8')).trim().split('#token=')[1];
    const owner = { token: setupToken, name: 'Ada', email: 'ada@example.org', password: 'correct horse battery' };
    const fromPage = { 'sec-fetch-site': 'same-origin' };
    const { headers } = await send({ method: 'POST', path: Paths.setup, headers: fromPage }, owner);
    cookie = [headers['set-cookie'] ?? []]
      .flat()
      .map((line) => line.split(';', 1)[0])
      .join('; ');
    const issued = await send({ method: 'POST', path: Paths.enrollmentTokens, token: key }, { name: 'test' });
    const { token } = EnrollmentTokenCreated.parse(JSON.parse(issued.text));
    const enrolled = await send({ method: 'POST', path: Paths.agentEnroll, token }, MACHINE);
    ({ agentToken } = EnrollResponse.parse(JSON.parse(enrolled.text)));
    const synced = await send({ method: 'POST', path: Paths.agentContainers, token: agentToken }, CONTAINERS);
    digest = SyncSummary.parse(JSON.parse(synced.text)).digest!;
    await stop();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  beforeEach(async () => {
    dataDir = await mkdtemp(join(folder, 'copy-'));
    await cp(original, dataDir, { recursive: true });
    server = await createEmptyServerDatabase();
  });
  afterEach(async () => {
    await stop();
    await server.drop();
  });

  async function start(directory: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
    const defaults = { MUSTER_DATA_DIR: directory, MUSTER_DRAIN_SECONDS: '0' };
    api = await startApi({ env: { ...defaults, ...env }, adminKey: key, port });
  }

  async function stop(): Promise<void> {
    await api?.stop('SIGTERM');
    api = null;
  }

  async function send(call: Call, body?: object) {
    const http = createHttp(api!.url, { timeoutMs: 20_000 });
    try {
      const reply = await http.send(body === undefined ? call : { ...call, body: JSON.stringify(body) });
      if (reply.status >= 300) throw new Error(`${call.path} answered ${reply.status}: ${reply.text}`);
      return reply;
    } finally {
      await http.close();
    }
  }

  const startMove = (env: Readonly<Record<string, string>> = { DATABASE_URL: server.url }): Program =>
    startProgram(mainOf('cli'), { args: ['move-database', '--data-dir', dataDir], env });

  /** Returns how many tables are visible in the server's database. */
  const countTables = async (): Promise<number> => {
    const { rowCount } = await withConnection(server.url, (client) =>
      client.query(`SELECT FROM pg_tables WHERE schemaname = 'public'`),
    );
    return rowCount!;
  };

  test('keeps agents, API keys and sessions valid, without a new snapshot', async () => {
    const urlFile = join(folder, 'url');
    await writeFile(urlFile, `${server.url}\n`);
    const move = startMove({ DATABASE_URL_FILE: urlFile });
    expect([await move.ended, move.stderr()]).toEqual([0, '']);
    expect(move.stdout()).toMatch(/^containers +2$/m);
    expect(move.stdout()).toMatch(/^all digests are equal; moved \d+ rows of \d+ tables to postgresql:/m);
    expect(move.stdout()).not.toContain(new URL(server.url).password);

    await start(dataDir, { DATABASE_URL: server.url });
    const beat = { digest, problems: [] };
    const { text } = await send({ method: 'POST', path: Paths.agentHeartbeat, token: agentToken }, beat);
    expect(HeartbeatResponse.parse(JSON.parse(text)).snapshotRequired).toBe(false);
    expect((await send({ path: Paths.session, headers: { cookie } })).text).toContain('ada@example.org');
    expect((await send({ path: Paths.hosts, token: key })).text).toContain('"web-1"');
    await stop();

    const mistake = startProgram(mainOf('api'), { env: { MUSTER_DATA_DIR: dataDir, PORT: '0' } });
    expect(await mistake.ended).toBe(1);
    expect(mistake.stderr()).toMatch(/^muster: The data of \S+ was moved to postgresql:\S+ on \S+: set DATABASE_URL/);
  });

  test('moves nothing or everything if it is interrupted or killed, and the next call completes the move', async () => {
    await withConnection(server.url, (client) => client.query(PAUSES));
    for (const [statement, signal, exitCode] of [
      ['CREATE', 'SIGKILL', null],
      ['INSERT', 'SIGINT', 1],
      ['INSERT', 'SIGKILL', null],
      ['COMMIT', 'SIGKILL', null],
    ] as const) {
      await withConnection(server.url, (client) =>
        client.query('UPDATE pauses.selected SET statement = $1', [statement]),
      );
      const move = startMove();
      await eventually(
        () =>
          withConnection(server.url, async (client) => {
            const { rows } = await client.query<{ query: string }>(
              `SELECT query FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()
               AND query LIKE '%' || $1 || '%'`,
              [statement],
            );
            expect([rows.length, move.stderr()]).toEqual([1, '']);
          }),
        60_000,
        30,
      );
      expect(await move.stop(signal)).toBe(exitCode);
      expect(move.stderr()).toBe(signal === 'SIGINT' ? 'muster: The move was interrupted: nothing was moved.\n' : '');
      expect(await countTables()).toBe(0);
      // Otherwise, the next move would wait until the server notices that this move was killed.
      if (statement !== 'COMMIT') await withConnection(server.url, (client) => client.query(END_PAUSE));
    }
    const repeated = startMove();
    expect([await repeated.ended, repeated.stderr()]).toEqual([0, '']);
    expect(repeated.stdout()).toMatch(/^an earlier call had already moved \d+ rows/m);
    expect(await countTables()).toBeGreaterThan(20);
    const { rows } = await withConnection(server.url, (client) => client.query('SELECT name FROM containers'));
    expect(rows).toHaveLength(CONTAINERS.length);
  });

  test('exits with 3 for a wrong password, and with 1 for a database that is in use', async () => {
    const wrong = new URL(server.url);
    wrong.password = 'wrong';
    const refused = startMove({ DATABASE_URL: wrong.href });
    expect(await refused.ended).toBe(3);
    expect(refused.stderr()).toMatch(
      /^muster: postgresql:\S+ rejects the user: password authentication failed [^\n]*\n$/,
    );
    await start(dataDir);
    const locked = startMove();
    expect(await locked.ended).toBe(1);
    expect(locked.stderr()).toContain('is in use by another Muster process: stop that process');
  });
});
