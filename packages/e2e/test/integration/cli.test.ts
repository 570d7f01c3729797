import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EnrollResponse, MUSTER_VERSION, Paths } from '@muster/contracts';
import { eventually, mainOf, startProgram, type Program } from '@muster/testkit';
import { Muster } from '../support/muster.js';

/** A container name with a terminal escape sequence. */
const HOSTILE = 'evil\u001b[2Jname';

const container = (dockerId: string, changes: object = {}) => ({
  ...{ dockerId, name: `name-of-${dockerId}`, image: 'nginx:1.29', state: 'running', status: 'Up 5 minutes (healthy)' },
  ports: [{ ip: '0.0.0.0', privatePort: 80, publicPort: 8080, type: 'tcp' }],
  labels: { tier: 'front' },
  ...changes,
});

let dir: string;
let muster: Muster;
let agentToken: string;
const running = new Set<Program>();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-cli-test-'));
  // A host is stale twelve seconds after its last report.
  muster = new Muster(dir, { MUSTER_HEARTBEAT_SECONDS: '4' });
  await muster.start();
  const { out: token } = await cli('enroll-token', 'create', 'test', '--uses', '5', '--expires', '1h');
  const answer = await post(Paths.agentEnroll, token.trim(), {
    ...{ name: 'edge-1', engineId: 'edge', engine: { name: 'Docker', version: '28.5.2', apiVersion: '1.51' } },
    ...{ os: 'Debian', arch: 'x86_64', agentVersion: 'test' },
  });
  agentToken = EnrollResponse.parse(answer).agentToken;
  await report();
}, 300_000);

afterAll(async () => {
  for (const program of running) await program.stop('SIGKILL');
  await muster.stop();
  await rm(dir, { recursive: true, force: true });
});

async function post(path: string, token: string, body: unknown): Promise<unknown> {
  const response = await fetch(muster.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

const snapshot = (...containers: object[]) => post(Paths.agentContainers, agentToken, containers);
const heartbeat = (problems: object[] = []) => post(Paths.agentHeartbeat, agentToken, { digest: null, problems });

/** Reports the containers of most tests. */
const report = () =>
  snapshot(container('web'), container('db', { name: HOSTILE, state: 'exited', status: 'Exited (1) 1 hour ago' }));

/** Runs an action while the host's containers are current. */
async function whileOnline<T>(action: () => Promise<T>): Promise<T> {
  await report();
  let last: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => void (last = report()), 500);
  try {
    return await action();
  } finally {
    clearInterval(timer);
    await last;
  }
}

function start(args: string[], env: Record<string, string> = {}, input?: string): Program {
  const known = { XDG_CONFIG_HOME: join(dir, 'nobody'), MUSTER_URL: muster.url, MUSTER_KEY: muster.key };
  const program = startProgram(mainOf('cli'), {
    args,
    env: { ...known, ...env },
    ...(input === undefined ? {} : { input }),
  });
  running.add(program);
  void program.ended.then(() => running.delete(program));
  return program;
}

async function cli(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const program = start(args);
  const code = await program.ended;
  return { code, out: program.stdout(), err: program.stderr() };
}

describe('muster login', () => {
  test('saves the key for later commands in a file that only the user can read, until logout', async () => {
    const env = { XDG_CONFIG_HOME: join(dir, 'config'), MUSTER_URL: '', MUSTER_KEY: '' };
    const login = start(['login', `${muster.url}/`], env, `${muster.key}\n`);
    expect({ code: await login.ended, out: login.stdout() }).toEqual({ code: 0, out: '' });
    expect(login.stderr()).not.toContain(muster.key);
    const file = join(dir, 'config', 'muster', 'connection.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ url: muster.url, key: muster.key });

    const hosts = start(['hosts'], env);
    expect({ code: await hosts.ended, err: hosts.stderr() }).toEqual({ code: 0, err: '' });
    expect(hosts.stdout()).toContain('edge-1');
    // The saved key is not sent to another server.
    const other = start(['hosts'], { ...env, MUSTER_URL: 'http://127.0.0.1:2' });
    expect(await other.ended).toBe(1);
    expect(other.stderr()).toContain(`the saved key is for ${muster.url}: also set MUSTER_KEY for http://127.0.0.1:2`);

    expect(await start(['logout'], env).ended).toBe(0);
    expect(await start(['hosts'], env).ended).toBe(1);
  });

  test('saves nothing if the key is refused or the URL is invalid', async () => {
    const env = { XDG_CONFIG_HOME: join(dir, 'bad'), MUSTER_URL: '', MUSTER_KEY: '' };
    const refused = start(['login', muster.url], env, 'muster_key_nonsense\n');
    expect(await refused.ended).toBe(3);
    await expect(stat(join(dir, 'bad', 'muster'))).rejects.toThrow('ENOENT');
    expect(await start(['login', 'ftp://example.org'], env, 'x\n').ended).toBe(2);
  });
});

describe('muster hosts, containers and events', () => {
  test('print tables without control characters', async () => {
    const hosts = await cli('hosts');
    expect(hosts.out).toMatch(/^NAME +FRESHNESS +SEEN +PROBLEMS +CONTAINERS +ENGINE/);
    expect(hosts.out).toMatch(/\nedge-1 +(online|stale|offline) +\d+[sm] +- +2 +Docker 28\.5\.2/);
    const containers = await whileOnline(() => cli('containers', '--host', 'edge-1'));
    expect(containers.out).toMatch(
      /\nname-of-web +edge-1 +running +healthy +Up 5 minutes \(healthy\) +nginx:1\.29 +8080->80\/tcp/,
    );
    expect(containers.out).toContain('evil\ufffd[2Jname');
    const events = await cli('events', '--since', '1h');
    expect(events.out).toMatch(/\n\S+Z +edge-1 +name-of-web +created/);
    expect(hosts.out + containers.out + events.out).not.toContain('\u001b');
  });

  test('mark the state of a container as last known if its host is not online', async () => {
    await eventually(async () => expect((await muster.host()).freshness).toBe('stale'), 60_000);
    const { out } = await cli('containers', '--host', 'edge-1');
    expect(out).toMatch(/\nname-of-web +edge-1 +was running +healthy .* \d+[sm] stale +web\n/);
    expect(out).toMatch(/ was exited /);
    // Scripts read CSV, so CSV contains the reported state.
    expect((await cli('containers', '--state', 'running', '-o', 'csv')).out).toContain('name-of-web,edge-1,running,');
  });

  test('print CSV, or JSON with all fields of the API', async () => {
    // The host may become stale during the command, so the output must equal the host before or after the command.
    const hostBefore = await muster.host();
    const [host] = JSON.parse((await cli('hosts', '-o', 'json')).out) as unknown[];
    expect([hostBefore, await muster.host()]).toContainEqual(host);
    expect((await cli('hosts', '--search', 'nowhere', '-o', 'csv')).out.split('\r\n')).toHaveLength(2);
    const found = JSON.parse((await cli('containers', '--state', 'exited', '-o', 'json')).out) as { name: string }[];
    expect(found.map(({ name }) => name)).toEqual([HOSTILE]);
    const csv = (await cli('containers', '-l', 'tier=front', '--sort', '-name', '--limit', '1', '-o', 'csv')).out;
    expect(csv.split('\r\n')[0]).toBe('NAME,HOST,STATE,HEALTH,STATUS,IMAGE,PORTS,AS OF,ID');
    expect(csv.split('\r\n')[1]).toMatch(/^name-of-web,edge-1,running,healthy,/);
    expect(csv.split('\r\n')).toHaveLength(3);
    expect((await cli('containers', '--host', 'nowhere')).err).toBe('muster: no host is named nowhere\n');
  });

  test('show the codes of a host’s problems in the table, and the messages in other formats', async () => {
    const before = new Date(Date.now() - 5_000).toISOString();
    await heartbeat([
      { code: 'list_refused', message: 'the engine answered 500\u001b[2J' },
      { code: 'snapshot_refused', message: 'the API answered 400' },
    ]);
    expect((await cli('hosts')).out).toMatch(/\nedge-1 +\w+ +\d+[sm] +list_refused,snapshot_refused +2 +Docker/);
    expect((await cli('hosts', '-o', 'wide')).out).toMatch(
      / list_refused for \d+s: the engine answered 500\ufffd\[2J; snapshot_refused for \d+s: the API answered 400\n$/,
    );
    const [host] = JSON.parse((await cli('hosts', '-o', 'json')).out) as { problems: { since: string }[] }[];
    expect(host!.problems).toMatchObject([
      { code: 'list_refused', message: 'the engine answered 500\u001b[2J' },
      { code: 'snapshot_refused', message: 'the API answered 400' },
    ]);
    const [{ since }] = host!.problems as [{ since: string }];
    expect(since > before).toBe(true);
    const csv = (await cli('hosts', '-o', 'csv')).out;
    expect(csv).toContain(`list_refused since ${since}: the engine answered 500`);
    expect(csv).toContain('snapshot_refused since');

    await heartbeat();
    expect((await cli('hosts')).out).toMatch(/\nedge-1 +\w+ +\d+[sm] +- +2 +Docker/);
  });

  test('show every change with --watch or --follow until they are interrupted', async () => {
    const events = start(['events', '--follow', '-o', 'json']);
    const watch = start(['containers', '--watch', '-o', 'json']);
    const followedEvents = () =>
      events
        .stdout()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { id: string; dockerId: string });
    await eventually(() => expect(followedEvents().length).toBeGreaterThanOrEqual(2));
    await eventually(() => expect(watch.stdout()).toContain('name-of-web'));
    await snapshot(container('web'), container('db'), container('late'));
    await eventually(() => expect(followedEvents().some(({ dockerId }) => dockerId === 'late')).toBe(true));
    await eventually(() => expect(watch.stdout()).toContain('name-of-late'));
    const ids = followedEvents().map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(await events.stop('SIGINT')).toBe(0);
    expect(await watch.stop('SIGTERM')).toBe(0);
  }, 300_000);
});

describe('muster enroll-token', () => {
  test('creates, lists and revokes a token, and shows its secret only once', async () => {
    const made = await cli('enroll-token', 'create', 'rack 4', '--uses', '3', '--expires', '7d');
    expect(made.code).toBe(0);
    expect(made.out).toMatch(/^muster_enroll_[0-9A-Za-z]{49}\n$/);
    expect(made.err).toMatch(/^Valid for 3 hosts until 20\S+Z\. Token id: \S+\n$/);
    const list = JSON.parse((await cli('enroll-token', 'list', '-o', 'json')).out) as { id: string; name: string }[];
    const { id } = list.find(({ name }) => name === 'rack 4')!;
    expect(JSON.stringify(list)).not.toContain(made.out.trim());
    expect((await cli('enroll-token', 'revoke', id)).code).toBe(0);
    const after = JSON.parse((await cli('enroll-token', 'list', '-o', 'json')).out) as {
      id: string;
      revokedAt: string;
    }[];
    expect(after.find((token) => token.id === id)!.revokedAt).not.toBeNull();
    expect((await cli('enroll-token', 'revoke', '00000000-0000-4000-8000-000000000000')).code).toBe(1);
  });
});

test('muster hosts -o wide marks only agents that are older than the server’s release', async () => {
  const release = join(dir, 'no-release');
  const { out: token } = await cli('enroll-token', 'create', 'agents', '--uses', '2');
  for (const [name, agentVersion] of [
    ['current', MUSTER_VERSION],
    ['behind', '0.1.0'],
  ]) {
    await post(Paths.agentEnroll, token.trim(), {
      ...{ name, engineId: name, engine: { name: 'Docker', version: '28.5.2', apiVersion: '1.51' } },
      ...{ os: 'Debian', arch: 'x86_64', agentVersion },
    });
  }
  expect((await cli('hosts', '-o', 'wide')).out).not.toContain('outdated');
  await mkdir(release);
  await writeFile(
    join(release, 'sbom.cdx.json'),
    JSON.stringify({ metadata: { component: { version: MUSTER_VERSION } } }),
  );
  for (const name of ['SHA256SUMS', 'install.sh']) await writeFile(join(release, name), '');
  const { out } = await cli('hosts', '-o', 'wide');
  expect(out).toMatch(/^behind .* 0\.1\.0 \(outdated\) /m);
  expect(out.match(/outdated/g)).toHaveLength(1);
  const csv = (await cli('hosts', '-o', 'csv')).out;
  expect([csv.includes('0.1.0'), csv.includes('outdated')]).toEqual([true, false]);
  await rm(release, { recursive: true });
  for (const { id, name } of await muster.hosts()) if (name !== 'edge-1') await muster.deleteHost(id);
});

test('muster export writes all items to standard output or to a file', async () => {
  const file = join(dir, 'containers.csv');
  expect(await cli('export', 'containers', '--file', file)).toEqual({ code: 0, out: '', err: '' });
  expect(await readFile(file, 'utf8')).toContain('name-of-web');
  const lines = (await cli('export', 'events', '--format', 'ndjson')).out.trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { kind: string }).kind)).toContain('created');
});

test('muster hosts sorts versions by their numbers', async () => {
  const { out: token } = await cli('enroll-token', 'create', 'versions', '--uses', '2');
  for (const [name, version] of [
    ['newer', '29.10.0'],
    ['older', '29.9.0'],
  ]) {
    await post(Paths.agentEnroll, token.trim(), {
      ...{ name, engineId: name, engine: { name: 'Docker', version, apiVersion: '1.51' } },
      ...{ os: 'Debian', arch: 'x86_64', agentVersion: version },
    });
  }
  for (const key of ['engine', 'agentVersion']) {
    const { out } = await cli('hosts', '--sort', key, '-o', 'csv');
    const names = out.split('\r\n').map((line) => line.split(',')[0]);
    expect(names.indexOf('newer')).toBe(names.indexOf('older') + 1);
  }
});

describe('a command that fails', () => {
  test('prints the reason in one line and exits with the code for the kind of failure', async () => {
    const unknown = start(['hosts'], { MUSTER_KEY: 'muster_key_nonsense' });
    expect(await unknown.ended).toBe(3);
    expect(unknown.stderr()).toMatch(/^muster: .+\n$/);
    const unreachable = start(['hosts'], { MUSTER_URL: 'http://127.0.0.1:2' });
    expect(await unreachable.ended).toBe(4);
    expect(unreachable.stderr()).toMatch(/^muster: http:\/\/127\.0\.0\.1:2: the server refuses connections .+\n$/);
    expect((await cli('containers', '--limit', '0')).code).toBe(2);
    expect((await cli('events', '--kind', 'exploded')).code).toBe(2);
  });

  test('exits with 2 and reports the option if the API rejects a value', async () => {
    const long = 'x'.repeat(2_000);
    expect(await cli('containers', '--search', long)).toEqual({
      ...{ code: 2, out: '', err: 'muster: --search must be at most 1024 characters\n' },
    });
    expect((await cli('events', '--name', long)).err).toBe('muster: --name must be at most 1024 characters\n');
    expect((await cli('containers', '--state', 'x'.repeat(40), '--image', long)).err).toContain(
      '--image must be at most',
    );
    expect(await cli('enroll-token', 'create', 'many', '--uses', '100000000')).toEqual({
      ...{ code: 2, out: '', err: 'muster: --uses must be at most 100000\n' },
    });
    expect((await cli('enroll-token', 'create', 'x'.repeat(300))).err).toBe(
      'muster: the name must be at most 200 characters\n',
    );
  });

  test('prints one line and exits with 1 if standard output is full', async () => {
    for (const args of [['hosts'], ['containers', '-o', 'json'], ['export', 'events'], ['--help']]) {
      const program = startProgram(mainOf('cli'), {
        args,
        env: { MUSTER_URL: muster.url, MUSTER_KEY: muster.key },
        through: ['sh', '-c', 'exec "$@" > /dev/full', 'sh'],
      });
      expect(await program.ended).toBe(1);
      expect(program.stderr()).toBe('muster: the output cannot be written: no space is left on the device\n');
    }
  });
});
