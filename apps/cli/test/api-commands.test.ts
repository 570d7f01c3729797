/** Tests commands that call the API. They run in this process, against a fake server. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { runCli } from '../src/command-line.js';
import type { Screen } from '../src/terminal.js';

const KEY = 'muster_key_of_a_test';

let folder: string;
let server: Server;
let handler: RequestListener;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-cli-'));
  server = createServer((req, res) => handler(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

async function muster(args: string[], screen: Screen | null, env: Record<string, string> = {}) {
  const written = { out: '', err: '' };
  const code = await runCli(args, {
    env,
    out: (text) => void (written.out += text),
    err: (text) => void (written.err += text),
    screen,
    askSecret: () => Promise.resolve(KEY),
    interrupted: new AbortController().signal,
  });
  return { code, ...written };
}
const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const json = (status: number, body: object): RequestListener => {
  return (_req, res) => res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
};
/** Responds with a list of one page. */
const respondWith = (items: object[]): RequestListener => json(200, { items, nextCursor: null });

test('a table of events shows a recreation by Compose as one row', async () => {
  const requests: string[] = [];
  const event = (id: string, dockerId: string, kind: string, changes: object) => ({
    id,
    hostId: '11111111-1111-4111-8111-111111111111',
    hostName: 'edge-1',
    dockerId,
    name: 'shop-web-1',
    kind,
    from: null,
    to: null,
    exitCode: null,
    exitReason: null,
    workload: { kind: 'compose', project: 'shop', service: 'web', instance: '1' },
    image: null,
    observedAt: '2026-03-01T12:00:00.000Z',
    recordedAt: '2026-03-01T12:00:00.000Z',
    ...changes,
  });
  const items = [
    event('3-1', 'b', 'started', { to: 'running' }),
    event('2-1', 'a', 'removed', { from: 'exited', image: 'web:1' }),
    event('1-1', 'b', 'created', { to: 'created', image: 'web:2' }),
  ];
  handler = (request, response) => {
    requests.push(request.url ?? '');
    respondWith(items)(request, response);
  };
  const env = { MUSTER_URL: url(), MUSTER_KEY: KEY };
  const { out } = await muster(['events', '--project', 'shop', '--service', 'web'], null, env);
  expect(out.trim().split('\n')).toHaveLength(2);
  expect(out).toMatch(/ edge-1 +shop-web-1 +replaced +image web:1 -> web:2/);
  expect(requests[0]).toContain('project=shop&service=web');
  const csv = await muster(['events', '-o', 'csv'], null, env);
  expect(csv.out.trim().split('\r\n')).toHaveLength(4);
});

test('shows the exits of a looping container as one event, with their count and exit codes', async () => {
  const exits = {
    count: 57,
    first: '2026-03-01T11:00:00.000Z',
    last: '2026-03-01T12:00:00.000Z',
    codes: [
      { code: 1, reason: 'crashed', count: 40 },
      { code: 137, reason: 'oom', count: 17 },
    ],
  };
  const event = {
    id: '1-1',
    hostId: '11111111-1111-4111-8111-111111111111',
    hostName: 'edge-1',
    dockerId: 'a',
    name: 'web',
    kind: 'looping',
    from: 'running',
    to: 'running',
    exitCode: 137,
    exitReason: 'oom',
    workload: { kind: 'plain', project: null, service: 'web', instance: null },
    image: null,
    exits,
    observedAt: '2026-03-01T12:00:00.000Z',
    recordedAt: '2026-03-01T12:00:00.000Z',
  };
  const requests: string[] = [];
  handler = (request, response) => {
    requests.push(request.url ?? '');
    respondWith([event])(request, response);
  };
  const env = { MUSTER_URL: url(), MUSTER_KEY: KEY };
  const words = 'exited 57 times in 1 h, codes 1 and 137';
  expect((await muster(['events', '--kind', 'looping'], null, env)).out).toMatch(new RegExp(` web +looping +${words}`));
  expect(requests[0]).toContain('kind=looping');
  expect((await muster(['events', '-o', 'csv'], null, env)).out).toContain(`,web,looping,"${words}"`);
  expect(JSON.parse((await muster(['events', '-o', 'json'], null, env)).out)).toMatchObject([{ exits }]);
});

describe('an empty list', () => {
  const run = (...args: string[]) => {
    handler = respondWith([]);
    return muster(args, null, { MUSTER_URL: url(), MUSTER_KEY: KEY });
  };

  test.each([
    [['hosts'], 'No hosts.'],
    [['hosts', '--problem', 'clock_skew'], 'No hosts match the filters.'],
    [['containers', '--limit', '3', '-o', 'wide'], 'No containers.'],
    [['containers', '--state', 'running'], 'No containers match the filters.'],
    [['events'], 'No events.'],
    [['events', '--since', '1h'], 'No events match the filters.'],
    [['enroll-token', 'list'], 'No enrollment tokens.'],
  ])('of %j is reported on standard error only', async (args, message) => {
    expect(await run(...args)).toEqual({ code: 0, out: '', err: `${message}\n` });
  });

  test('is an empty array in JSON and a header in CSV', async () => {
    expect(await run('hosts', '-o', 'json')).toEqual({ code: 0, out: '[]\n', err: '' });
    expect(await run('events', '-o', 'csv')).toEqual({ code: 0, out: 'TIME,HOST,NAME,KIND,WHAT\r\n', err: '' });
  });

  test('is explained if the filter is an unknown state', async () => {
    const { code, err } = await run('containers', '--state', 'up');
    expect(code).toBe(0);
    expect(err).toMatch(
      /^muster: warning: unknown --state up: Docker's states are created, running, .+\nNo containers match/,
    );
    const requested: (string | undefined)[] = [];
    handler = (req, res) => {
      requested.push(req.url);
      respondWith([])(req, res);
    };
    await muster(['containers', '--state', 'Running', '--state', 'stopped'], null, {
      MUSTER_URL: url(),
      MUSTER_KEY: KEY,
    });
    expect(requested).toEqual(['/api/containers?state=running&state=stopped&limit=200']);
  });
});

test('muster hosts -o wide works with an older API, which does not report outdated agents', async () => {
  const engine = { name: 'Docker', version: '28.5.2', apiVersion: '1.51' };
  const fields = { freshness: 'online', lastSeenAt: null, problems: [], containerCount: 0, os: 'linux', id: '1' };
  handler = (req, res) => {
    const problem = { type: '/problems/not-found', title: 'Not found', status: 404, detail: 'x', requestId: 'r' };
    if (req.url!.startsWith('/api/host-facets')) json(404, problem)(req, res);
    else respondWith([{ name: 'web-1', engine, agentVersion: '0.1.0', ...fields }])(req, res);
  };
  const env = { MUSTER_URL: url(), MUSTER_KEY: KEY };
  const { code, out, err } = await muster(['hosts', '-o', 'wide'], null, env);
  expect([code, err]).toEqual([0, '']);
  expect(out).toMatch(/^web-1 .* 0\.1\.0 {2}1 +- /m);
});

describe('muster images', () => {
  const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
  const build = (number: number, imageDigest: string | null, imageId: string | null, containers: number) => ({
    ...{
      build: number,
      imageDigest,
      imageId,
      platform: 'linux/amd64',
      containers,
      running: containers,
      hosts: containers,
    },
  });
  const web = {
    ...{ image: 'registry:5000/shop/web:41', repository: 'registry:5000/shop/web', tag: '41', digest: null },
    ...{ imageIds: 2, hosts: 3, containers: 3, running: 3, drift: 'different', buildsMin: 2, buildsMax: 2 },
    ...{
      builds: [build(1, digest('a'), null, 2), build(2, digest('b'), null, 1)],
      hasMoreBuilds: false,
      isExact: true,
    },
  };
  const local = {
    ...{ ...web, image: 'demo:1', repository: 'demo', tag: '1', drift: 'unknown', buildsMin: 1, isExact: false },
    ...{ builds: [build(1, null, digest('c'), 2), build(2, null, digest('d'), 1)] },
  };
  const nameless = {
    ...web,
    image: digest('e'),
    repository: null,
    tag: null,
    drift: 'none',
    buildsMin: 1,
    buildsMax: 1,
  };

  test('shows the repository, tag, builds and drift', async () => {
    handler = respondWith([local, web, nameless]);
    const { out } = await muster(['images'], null, { MUSTER_URL: url(), MUSTER_KEY: KEY });
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['REPOSITORY', 'TAG', 'BUILDS', 'DRIFT', 'HOSTS', 'CONTAINERS', 'RUNNING'],
      ['demo', '1', '1 to 2', 'unknown', '3+', '3+', '3'],
      ['registry:5000/shop/web', '41', '2', 'different', '3', '3', '3'],
      ['<none> (eeeeeeeeeeee)', '-', '1', '-', '3', '3', '3'],
      [''],
    ]);
  });

  test('--builds lists the hosts of each build, and how many hosts are not listed', async () => {
    const host = (hostName: string) => ({
      ...{
        hostId: '11111111-1111-4111-8111-111111111111',
        hostName,
        hostFreshness: 'online',
        containers: 1,
        running: 1,
      },
    });
    const [first, second] = web.builds;
    const found = {
      ...web,
      builds: [
        { ...first, hostList: [host('edge-1')] },
        { ...second, hostList: [host('edge-2')] },
      ],
    };
    const paths: string[] = [];
    handler = (req, res) => {
      paths.push(req.url!);
      json(200, found)(req, res);
    };
    const args = ['images', '--builds', web.image];
    const { out } = await muster(args, null, { MUSTER_URL: url(), MUSTER_KEY: KEY });
    expect(paths).toEqual(['/api/images/builds?image=registry%3A5000%2Fshop%2Fweb%3A41']);
    expect(out.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      ['BUILD', 'DIGEST OR IMAGE ID', 'FROM', 'PLATFORM', 'HOST', 'CONTAINERS', 'RUNNING'],
      ['1', 'a'.repeat(12), 'digest', 'linux/amd64', 'edge-1', '1', '1'],
      ['1', 'a'.repeat(12), 'digest', 'linux/amd64', '… and 1 more'],
      ['2', 'b'.repeat(12), 'digest', 'linux/amd64', 'edge-2', '1', '1'],
      [''],
    ]);
    const env = { MUSTER_URL: url(), MUSTER_KEY: KEY };
    expect(JSON.parse((await muster([...args, '-o', 'json'], null, env)).out)).toEqual([found]);
    expect((await muster(args, { columns: 80, hasColors: false }, env)).out).toContain('run different builds');
  });
});

describe('the exit of a process', () => {
  const env = () => ({ MUSTER_URL: url(), MUSTER_KEY: KEY });
  const fields = {
    ...{
      name: 'shop',
      hostName: 'web-1',
      hostFreshness: 'online',
      asOf: null,
      health: null,
      image: 'shop:1',
      ports: [],
    },
    ...{ dockerId: 'a', state: 'exited', status: 'Exited (137) 2 hours ago', exitCode: 137, engineName: 'Docker' },
  };

  test('is described in words in containers and events', async () => {
    const exit = { code: 137, reason: 'oom', error: '', finishedAt: new Date(Date.now() - 7_300_000).toISOString() };
    handler = respondWith([{ ...fields, exit, restartCount: 4 }]);
    expect((await muster(['containers'], null, env())).out).toMatch(/ out of memory, 2h ago /);
    expect((await muster(['containers', '-o', 'wide'], null, env())).out).toMatch(/ oom {2,}4$/m);
    const event = { hostName: 'web-1', name: 'shop', kind: 'exited', from: 'created', to: 'created', exitCode: 128 };
    handler = respondWith([{ ...event, exitReason: 'failed_to_start', recordedAt: '2026-03-01T12:00:00.000Z' }]);
    expect((await muster(['events'], null, env())).out).toMatch(/ exited {2,}could not start, created$/m);
    expect((await muster(['events', '-o', 'csv'], null, env())).out).toContain(
      '"created -> created, could not start, exit code 128"',
    );
  });

  test('is shown as the engine’s status text if the API is older', async () => {
    handler = respondWith([fields]);
    expect((await muster(['containers', '-o', 'wide'], null, env())).out).toMatch(
      / Exited \(137\) 2 hours ago .* - {2,}-$/m,
    );
  });

  test('can be used as a filter', async () => {
    const requested: (string | undefined)[] = [];
    handler = (req, res) => {
      requested.push(req.url);
      respondWith([])(req, res);
    };
    await muster(['containers', '--exit-reason', 'oom', '--exit-reason', 'crashed'], null, env());
    await muster(['events', '--exit-reason', 'stopped'], null, env());
    expect(requested).toEqual([
      '/api/containers?exitReason=oom&exitReason=crashed&limit=200',
      '/api/events?exitReason=stopped&limit=50',
    ]);
    const { code, err } = await muster(['events', '--exit-reason', 'evicted'], null, env());
    expect([code, err]).toEqual([2, expect.stringContaining('must be one of: completed, stopped, crashed, oom')]);
  });
});

describe('an option value that only the API checks', () => {
  const run = (args: string[], status: number, errors?: object[]) => {
    const detail = 'The request is not valid.';
    handler = json(status, { type: '/problems/x', title: 'x', status, detail, requestId: 'r', errors });
    return muster(args, null, { MUSTER_URL: url(), MUSTER_KEY: KEY });
  };

  test.each([
    [['containers'], '/hostId/0', '--host must be at most 9'],
    [['containers'], '/hostFreshness', '--freshness must be at most 9'],
    [['hosts'], '/q', '--search must be at most 9'],
    [['events'], '/name/3', '--name must be at most 9'],
    [['enroll-token', 'create', 'a'], '/name', 'the name must be at most 9'],
    [['enroll-token', 'create', 'a'], '/maxUses', '--uses must be at most 9'],
    [['enroll-token', 'create', 'a'], '/expiresInSeconds', '--expires must be at most 9'],
  ])('makes %j exit with 2 and report the option for the field %s', async (args, path, message) => {
    const errors = [{ path, message: 'must be at most 9' }];
    expect(await run(args, 400, errors)).toEqual({ code: 2, out: '', err: `muster: ${message}\n` });
  });

  test('makes the command exit with 2 and list all reasons', async () => {
    const { code, err } = await run(['hosts'], 400, [
      { path: '/sort', message: 'must be one of: name' },
      { path: '', message: 'must be an object\u001b[2J' },
    ]);
    expect({ code, err }).toEqual({
      code: 2,
      err: 'muster: --sort must be one of: name; must be an object\ufffd[2J\n',
    });
  });

  test('is not reported if the API refuses the request for another reason', async () => {
    expect(await run(['hosts'], 400)).toEqual({ code: 1, out: '', err: 'muster: The request is not valid.\n' });
    expect((await run(['hosts'], 403)).code).toBe(3);
    expect((await run(['hosts'], 503)).code).toBe(4);
  });
});

describe('an export with control characters in its texts', () => {
  const TERMINAL: Screen = { columns: 80, hasColors: true };
  // An escape sequence (ESC), a bell (BEL), the one-character form of ESC [ (C1), and a right-to-left override.
  const HOSTILE = 'a\u001b]0;x\u0007\u009b2J\u202eb';
  const CONTROL = /(?!\n)[\p{Cc}\u202a-\u202e\u2066-\u2069]/u;
  const FILES = {
    csv: `name,command\r\n"${HOSTILE}",ok\r\n`,
    ndjson: `${JSON.stringify({ name: HOSTILE })}\n${JSON.stringify({ name: 'b' })}\n`,
  };

  const runExport = async (format: keyof typeof FILES, screen: Screen | null) => {
    const bytes = Buffer.from(FILES[format]);
    handler = (_req, res) => {
      res.writeHead(200, { 'Content-Type': format === 'csv' ? 'text/csv' : 'application/x-ndjson' });
      // Sends one byte at a time, so that characters and lines are split across chunks.
      void (async () => {
        for (const byte of bytes) {
          res.write(Buffer.of(byte));
          await new Promise((resolve) => setImmediate(resolve));
        }
        res.end();
      })();
    };
    const env = { MUSTER_URL: url(), MUSTER_KEY: KEY };
    const { code, out, err } = await muster(['export', 'containers', '--format', format], screen, env);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return out;
  };

  test.each(['csv', 'ndjson'] as const)('writes no control characters to a terminal (%s)', async (format) => {
    const shown = await runExport(format, TERMINAL);
    expect(shown).not.toMatch(CONTROL);
    expect(shown.split('\n')).toHaveLength(3);
    expect(shown).toMatch(format === 'csv' ? /^name,command\n".*",ok\n$/ : /^\{"name":".*"\}\n\{"name":"b"\}\n$/);
  });

  test.each(['csv', 'ndjson'] as const)('is unchanged for a file or pipe (%s)', async (format) => {
    expect(await runExport(format, null)).toBe(FILES[format]);
  });
});

test.each([[[]], [['--file', 'export.csv']]])(
  'an export with the options %j fails if the server does not complete it',
  async (args) => {
    handler = (_req, res) => {
      res.writeHead(200, { 'Content-Type': 'text/csv' }).write('name\r\n', () => setTimeout(() => res.destroy(), 50));
    };
    const paths = args.map((arg) => (arg === 'export.csv' ? join(folder, arg) : arg));
    const { code, err } = await muster(['export', 'containers', ...paths], null, {
      MUSTER_URL: url(),
      MUSTER_KEY: KEY,
    });
    expect({ code, err }).toEqual({ code: 4, err: 'muster: the connection ended before the export was complete\n' });
    expect(await readdir(folder)).toEqual([]);
  },
);

test('an invalid key is refused and not printed', async () => {
  for (const key of ['muster_key_a\nb', 'ключ', 'muster key']) {
    const { code, out, err } = await muster(['hosts'], null, { MUSTER_URL: url(), MUSTER_KEY: key });
    expect({ code, out, err }).toEqual({
      code: 2,
      out: '',
      err: 'muster: MUSTER_KEY must be an API key (muster_key_…)\n',
    });
  }
});

test('the message for a 404 suggests checking the URL’s path, if the URL has a path', async () => {
  const detail = 'This path does not exist.';
  handler = json(404, { type: '/problems/not-found', title: 'x', status: 404, detail, requestId: 'r' });
  const messageAt = async (MUSTER_URL: string) => (await muster(['hosts'], null, { MUSTER_URL, MUSTER_KEY: KEY })).err;
  expect(await messageAt(`${url()}/wrong`)).toBe(`muster: ${detail} Also check the path of MUSTER_URL.\n`);
  expect(await messageAt(url())).toBe(`muster: ${detail}\n`);
});

describe('the configuration file of login', () => {
  const login = async () => {
    handler = respondWith([]);
    return muster(['login', url()], null, { XDG_CONFIG_HOME: folder });
  };
  const modes = async () => {
    const directory = join(folder, 'muster');
    const of = async (path: string) => (await stat(path)).mode & 0o777;
    return { directory: await of(directory), file: await of(join(directory, 'connection.json')) };
  };

  test('causes an error with the path and the reason within a second if it cannot be written', async () => {
    await writeFile(join(folder, 'file'), '');
    // A recursive mkdir in /proc never ends on some versions of Node.js.
    for (const [XDG_CONFIG_HOME, reason] of [
      ['/proc/1/x/y', 'its directory does not exist'],
      [join(folder, 'file'), 'a part of its path is not a directory'],
    ] as const) {
      handler = respondWith([]);
      const { code, out, err } = await muster(['login', url()], null, { XDG_CONFIG_HOME });
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toBe(
        `muster: the URL and the key cannot be saved to ${XDG_CONFIG_HOME}/muster/connection.json: ${reason}\n`,
      );
    }
  }, 5_000);

  test('causes an error that suggests signing in again if it is invalid', async () => {
    await mkdir(join(folder, 'muster'));
    for (const text of ['', '{}', '{"url":"muster","key":"k"}']) {
      await writeFile(join(folder, 'muster', 'connection.json'), text);
      const { code, err } = await muster(['hosts'], null, { XDG_CONFIG_HOME: folder });
      expect(code).toBe(1);
      expect(err).toMatch(/^muster: .*connection\.json is not valid: run 'muster login' again\n$/);
    }
  });

  test('is not accessible to other users, even with umask 0', async () => {
    const umask = process.umask(0);
    try {
      expect((await login()).code).toBe(0);
    } finally {
      process.umask(umask);
    }
    expect(await modes()).toEqual({ directory: 0o700, file: 0o600 });
  });

  test('is not accessible to other users, even if they could read the previous file', async () => {
    const directory = join(folder, 'muster');
    await mkdir(directory);
    await chmod(directory, 0o777);
    await writeFile(join(directory, 'connection.json'), '{}');
    await chmod(join(directory, 'connection.json'), 0o666);
    expect((await login()).code).toBe(0);
    expect(await modes()).toEqual({ directory: 0o700, file: 0o600 });
  });
});

describe('muster system', () => {
  const SYSTEM = {
    version: '9.8.7',
    database: { kind: 'postgresql', version: '18.1' },
    replicas: [
      {
        id: '0199c3f0-7a31-7b52-8c4d-1e2f3a4b5c6d',
        version: '9.8.6',
        startedAt: new Date(Date.now() - 7_200_500).toISOString(),
        lastSeenAt: new Date(Date.now() - 150_000).toISOString(),
      },
    ],
  };
  const run = (...args: string[]) => {
    handler = json(200, SYSTEM);
    return muster(['system', ...args], null, { MUSTER_URL: url(), MUSTER_KEY: KEY });
  };

  test("shows the server's version, its database and its replicas", async () => {
    const { code, out } = await run();
    expect(code).toBe(0);
    expect(out).toMatch(
      /^Muster 9\.8\.7 on PostgreSQL 18\.1\n\nREPLICA +VERSION +STARTED +LAST SEEN\n0199c3f0-\S+ +9\.8\.6 +2h\S* +2m\n$/,
    );
  });

  test('prints the same facts as JSON', async () => {
    expect(JSON.parse((await run('-o', 'json')).out)).toEqual(SYSTEM);
  });
});

test('muster hosts label changes the labels of the hosts that match --host, --host-label, or both options', async () => {
  const requests: { url: string; body: unknown }[] = [];
  const ids = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];
  const hosts = [
    { id: ids[0], name: 'web-1' },
    { id: ids[1], name: 'web-2' },
    { id: '33333333-3333-4333-8333-333333333333', name: 'twin' },
    { id: '44444444-4444-4444-8444-444444444444', name: 'twin' },
  ];
  handler = (request, response) => {
    void readText(request).then((text) => {
      requests.push({ url: request.url!, body: text === '' ? null : JSON.parse(text) });
      const result = { changed: [ids[0]], unchanged: [ids[1]], notFound: [] };
      const listed = request.url!.includes('hostLabel=') ? hosts.slice(0, 2) : hosts;
      (request.method === 'POST' ? json(200, result) : respondWith(listed))(request, response);
    });
  };
  const env = { MUSTER_URL: url(), MUSTER_KEY: KEY };
  const label = (...args: string[]) => muster(['hosts', 'label', ...args], null, env);
  const { code, out } = await label('env=prod', 'old-', '--host-label', 'site=fra');
  expect([code, out]).toEqual([0, '1 changed, 1 unchanged, 0 not found\n']);
  expect(requests.map((request) => request.url)).toEqual([
    '/api/hosts?hostLabel=site%3Dfra&limit=200',
    '/api/host-label-changes',
  ]);
  expect(requests[1]!.body).toEqual({ hostIds: ids, set: { env: 'prod' }, remove: ['old'] });

  requests.length = 0;
  await label('env=prod', '--host', 'web-1', '--host', hosts[2]!.id!, '--host-label', 'site=fra');
  expect(requests.at(-1)!.body).toEqual({ hostIds: [ids[0]], set: { env: 'prod' }, remove: [] });
  const ambiguous = await label('env=prod', '--host', 'twin');
  expect(ambiguous).toMatchObject({
    code: 1,
    err: expect.stringContaining(`named twin: use one of the ids ${hosts[2]!.id}`),
  });
  requests.length = 0;

  expect(await label('env=prod')).toMatchObject({ code: 2, err: expect.stringContaining('--host or --host-label') });
  const invalid = await label('env=a b', '--host', 'web-1');
  expect(invalid).toMatchObject({ code: 2, err: expect.stringContaining('“a b”, the value of env') });
  expect(requests).toEqual([]);
});

describe('host labels', () => {
  const env = () => ({ MUSTER_URL: url(), MUSTER_KEY: KEY });
  const engine = { name: 'Docker', version: '28.5.2', apiVersion: '1.51' };
  const fields = { freshness: 'online', lastSeenAt: null, problems: [], containerCount: 0, os: 'linux', engine };

  test('are the last column in CSV, and -L adds a column for one label to the table', async () => {
    handler = respondWith([
      { ...fields, name: 'web-1', id: '1', agentVersion: '0.1.0', labels: { env: 'prod', site: 'fra' } },
      { ...fields, name: 'web-2', id: '2', agentVersion: '0.1.0', labels: {} },
    ]);
    const csv = (await muster(['hosts', '-o', 'csv'], null, env())).out.trim().split('\r\n');
    expect(csv[0]).toMatch(/,ID,ADDRESSES,KERNEL,CPUS,MEMORY,ENGINE FACTS,LABELS$/);
    // This server does not send the facts.
    expect(csv[1]).toMatch(/,1,,,,,,"env=prod,site=fra"$/);
    expect(csv[2]).toMatch(/,2,,,,,,$/);
    const table = (await muster(['hosts', '-L', 'site'], null, env())).out.split('\n');
    expect(table[0]).toMatch(/ site *$/);
    expect(table[1]).toMatch(/ fra *$/);
    expect(table[2]).toMatch(/ - *$/);
  });

  test('are in CSV with the facts about the host, and the table distinguishes hosts with the same name', async () => {
    const engineFacts = {
      rootless: true,
      cgroupVersion: '2',
      storageDriver: 'overlay2',
      swarmRole: null,
      swarmNodeId: null,
    };
    const facts = { kernel: '6.1.0', cpus: 8, memoryBytes: 17_179_869_184, engineFacts, nameIsShared: true };
    const host = { ...fields, ...facts, name: 'twin', agentVersion: '0.1.0', labels: {} };
    const hosts = [
      { ...host, id: '1', engineId: '2f0b7c9e-1c1d', addresses: ['192.0.2.17', '2001:db8::17'] },
      { ...host, id: '2', engineId: 'machine-abcdef0123456789', addresses: [] },
    ];
    const facets = { engines: { values: [], hasMore: false }, agentVersions: { values: [], hasMore: false } };
    handler = (request, response) =>
      (request.url!.startsWith('/api/host-facets') ? json(200, facets) : respondWith(hosts))(request, response);
    const csv = (await muster(['hosts', '-o', 'csv'], null, env())).out.trim().split('\r\n');
    expect(csv[1]).toMatch(
      /^twin,.*,1,192\.0\.2\.17 2001:db8::17,6\.1\.0,8,17179869184,"rootless, cgroup v2, overlay2",$/,
    );
    const table = (await muster(['hosts', '-o', 'wide'], null, env())).out;
    expect(table).toMatch(/^twin \(192\.0\.2\.17, engine 2f0b7c9e\) .* 16\.0 GiB /m);
    expect(table).toMatch(/^twin \(6\.1\.0, engine abcdef01\) /m);
  });

  test('filter images and their builds, and group hosts', async () => {
    const requests: string[] = [];
    const counts = (total: number) => ({
      total,
      byState: { running: total },
      byHealth: {},
      byExitReason: {},
      infra: 0,
    });
    const group = (online: number, offline: number) => ({
      hosts: { total: online + offline, byFreshness: { online, offline } },
      containers: { current: counts(10 * online), lastKnown: counts(offline) },
    });
    const groups = [
      { value: 'prod', ...group(3, 1) },
      { value: null, ...group(1, 0) },
    ];
    handler = (req, res) => {
      requests.push(req.url!);
      const isGroups = req.url!.startsWith('/api/host-groups');
      json(
        200,
        isGroups
          ? { by: 'env', groups, other: group(2, 0) }
          : { items: [], nextCursor: null, image: 'web:1', builds: [] },
      )(req, res);
    };
    const { code, out } = await muster(['hosts', 'groups', 'env', '--host-label', 'site'], null, env());
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.trimEnd().split(/ {2,}/))).toEqual([
      ['env', 'HOSTS', 'ONLINE', 'NOT ONLINE', 'CONTAINERS', 'RUNNING', 'EXITED', 'LAST KNOWN'],
      ['prod', '4', '3', '1', '30', '30', '0', '1'],
      ['(no label)', '1', '1', '0', '10', '10', '0', '0'],
      ['(other values)', '2', '2', '0', '20', '20', '0', '0'],
      [''],
    ]);
    const asJson = await muster(['hosts', 'groups', 'env', '-o', 'json'], null, env());
    expect(JSON.parse(asJson.out)).toMatchObject({
      groups: [{ value: 'prod' }, { value: null }],
      other: { hosts: { total: 2 } },
    });
    await muster(['images', '--host-label', 'env=prod'], null, env());
    await muster(['images', '--builds', 'web:1', '--host-label', 'env=prod'], null, env());
    expect(requests).toEqual([
      '/api/host-groups?by=env&hostLabel=site',
      '/api/host-groups?by=env',
      '/api/images?hostLabel=env%3Dprod&limit=200',
      '/api/images/builds?image=web%3A1&hostLabel=env%3Dprod',
    ]);
  });
});
