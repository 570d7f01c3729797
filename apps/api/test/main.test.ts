import { afterEach, describe, expect, test } from '@jest/globals';
import { Paths, type ContainerView, type Page } from '@muster/contracts';
import { openDatabase } from '@muster/db';
import { createTestDatabase, serverOnly } from '@muster/db/testing';
import { eventually } from '@muster/testkit';
import { scryptSync } from 'node:crypto';
import { mkdtemp, open, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueToken } from '../src/lib/tokens.js';
import { deliverSecret } from '../src/services/accounts/start-banner.js';
import { container, enrollRequest } from './fixtures.js';
import { ApiProcess } from './process.js';

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'muster-api-'));
  cleanUps.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

function start(env: Record<string, string>, ...output: (number | 'pipe')[]): ApiProcess {
  const api = ApiProcess.spawn(env, ...output);
  cleanUps.push(() => api.stop('SIGKILL'));
  return api;
}

/** Returns the URL that a process logs once it listens. */
async function listeningOn(api: ApiProcess): Promise<URL> {
  for (;;) {
    const line = /"url":"([^"]+)".*"listening"/.exec(api.stderr);
    if (line) return new URL(line[1]!);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const call = (url: string, token: string, method = 'GET', body?: object) =>
  fetch(url, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });

async function enroll(url: string, key: string): Promise<string> {
  const { token } = (await (await call(url + Paths.enrollmentTokens, key, 'POST', { name: 't' })).json()) as {
    token: string;
  };
  const answer = await call(url + Paths.agentEnroll, token, 'POST', enrollRequest());
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { agentToken: string }).agentToken;
}

describe('a failed start', () => {
  test('prints one line for each invalid variable', async () => {
    const api = start({ PORT: 'http', LOG_LEVEL: 'loud' });
    expect(await api.exited).toBe(1);
    expect(api.stderr.split('\n')).toEqual([
      'muster: PORT must be a whole number from 0 to 65535',
      'muster: LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent',
      '',
    ]);
  });

  test('prints one line if the port is in use, and does not lose the first admin key', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => blocker.once('listening', resolve));
    cleanUps.push(() => new Promise((resolve) => blocker.close(resolve)));
    const { port } = blocker.address() as AddressInfo;
    const env = { MUSTER_DATA_DIR: await directory() };
    const refused = start({ ...env, PORT: String(port) });
    expect(await refused.exited).toBe(1);
    expect(refused.stderr).toMatch(
      /^muster: listen EADDRINUSE: .*: another process uses this port; set PORT to another one\n$/,
    );
    const api = start(env);
    const key = await firstKey(api, env.MUSTER_DATA_DIR);
    expect((await call((await api.url()) + Paths.hosts, key)).status).toBe(200);
  });

  test('prints one line if another process uses the data directory', async () => {
    const env = { MUSTER_DATA_DIR: await directory() };
    await start(env).url();
    const second = start(env);
    expect(await second.exited).toBe(1);
    expect(second.stderr).toMatch(/^muster: The data directory .* is in use by another Muster process.*\n$/);
  });

  test('prints one line, without the password, if the database cannot be reached', async () => {
    const api = start({ DATABASE_URL: 'postgresql://muster:hunter2@127.0.0.1:1/muster' });
    expect(await api.exited).toBe(1);
    expect(api.stderr).toMatch(/^muster: The database .* cannot be reached: .*ECONNREFUSED.*\n$/);
    expect(api.stdout + api.stderr).not.toContain('hunter2');
  });
});

describe('a start', () => {
  test('without a terminal writes the admin key once, to a file that only its owner can read', async () => {
    const dataDir = await directory();
    const first = start({ MUSTER_DATA_DIR: dataDir });
    const url = await first.url();
    const key = await firstKey(first, dataDir);
    expect((await stat(join(dataDir, 'admin-key'))).mode & 0o777).toBe(0o600);
    expect(first.stdout + first.stderr).not.toContain(key);
    expect((await call(url + Paths.hosts, key)).status).toBe(200);
    expect(await first.stop()).toBe(0);
    const second = start({ MUSTER_DATA_DIR: dataDir });
    expect((await call((await second.url()) + Paths.hosts, key)).status).toBe(200);
    expect(second.stdout).not.toContain('admin-key');
  });

  test('writes a secret to a new file, even if a symbolic link has its name', async () => {
    const dataDir = await directory();
    const linkTarget = join(await directory(), 'of-another-user');
    await writeFile(linkTarget, '');
    await symlink(linkTarget, join(dataDir, 'admin-key'));
    await deliverSecret('adminKey', 'the secret', false, dataDir);
    expect(await readFile(linkTarget, 'utf8')).toBe('');
    expect(await readFile(join(dataDir, 'admin-key'), 'utf8')).toBe('the secret\n');
  });

  test('with a public URL in any spelling serves no metrics without a token and sends HSTS', async () => {
    const env = { MUSTER_DATA_DIR: await directory(), MUSTER_PUBLIC_URL: 'HTTPS://Muster.Example.COM/' };
    const api = start(env);
    expect(await api.url()).toBe('https://muster.example.com');
    const { port } = await listeningOn(api);
    const answer = await fetch(`http://127.0.0.1:${port}${Paths.metrics}`);
    expect(answer.status).toBe(403);
    expect(answer.headers.get('strict-transport-security')).toMatch(/^max-age=/);
  });

  test('accepts MUSTER_ADMIN_KEY and never prints it', async () => {
    const { token } = issueToken('key');
    const api = start({ MUSTER_DATA_DIR: await directory(), MUSTER_ADMIN_KEY: token });
    expect((await call((await api.url()) + Paths.hosts, token)).status).toBe(200);
    expect(api.stdout + api.stderr).not.toContain(token);
  });
});

describe('a running process', () => {
  test('does not open the debugger on SIGUSR1', async () => {
    const api = start({ MUSTER_DATA_DIR: await directory() });
    const url = await api.url();
    api.child.kill('SIGUSR1');
    for (let checks = 0; checks < 5; checks += 1) expect((await fetch(url + Paths.health)).status).toBe(200);
    expect(await api.stop()).toBe(0);
    expect(api.stderr).not.toContain('Debugger');
  });

  test.each(['full', 'closed'] as const)('continues with one line in the log if stdout is %s', async (state) => {
    const env = { MUSTER_DATA_DIR: await directory() };
    const fullDevice = state === 'full' ? await open('/dev/full', 'w') : null;
    const api = start(env, fullDevice?.fd ?? 'pipe');
    if (fullDevice === null) api.child.stdout!.destroy();
    const url = await listeningOn(api);
    expect((await fetch(new URL(Paths.ready, url))).status).toBe(200);
    await fullDevice?.close();
    expect(await api.stop()).toBe(0);
    const lines = api.stderr.trim().split('\n');
    expect(lines.filter((line) => line.includes('stdout cannot be written'))).toHaveLength(1);
    expect(lines.map((line) => typeof (JSON.parse(line) as { msg: unknown }).msg)).toEqual(lines.map(() => 'string'));
  });

  test('continues if its log cannot be written', async () => {
    const fullDevice = await open('/dev/full', 'w');
    const api = start({ MUSTER_DATA_DIR: await directory() }, 'pipe', fullDevice.fd);
    const url = await api.url();
    await fullDevice.close();
    expect((await fetch(url + Paths.ready)).status).toBe(200);
    expect(await api.stop()).toBe(0);
  });
});

describe('a password', () => {
  // Other tests of this package use a cheaper hash: see fast-passwords.js.
  test('is stored as a scrypt hash with N = 16384 and r = 16, and its owner can sign in with it', async () => {
    const dataDir = await directory();
    const api = start({ MUSTER_DATA_DIR: dataDir });
    const url = await api.url();
    const [, token] = (await readFile(join(dataDir, 'setup-link'), 'utf8')).trim().split('#token=');
    const ada = { email: 'ada@example.org', password: 'correct horse battery' };
    const post = async (path: string, body: object) => {
      const headers = { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' };
      return (await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })).status;
    };
    expect(await post(Paths.setup, { token, name: 'Ada', ...ada })).toBe(201);
    expect(await post(Paths.session, { ...ada, password: 'another horse battery' })).toBe(401);
    expect(await post(Paths.session, ada)).toBe(201);
    expect(await api.stop()).toBe(0);

    const db = await openDatabase({ dataDir });
    cleanUps.push(() => db.close());
    const { password } = await db.prisma.account.findFirstOrThrow();
    const [salt = '', key] = password!.split(':');
    expect(salt).toMatch(/^[0-9a-f]{32}$/);
    expect(key).toBe(scryptSync(ada.password, salt, 64, { N: 16384, r: 16, p: 1, maxmem: 2 ** 26 }).toString('hex'));
  });
});

describe('a process that was paused', () => {
  test('does not report a host as stale because of the pause, even in its first response', async () => {
    const { token } = issueToken('key');
    const env = { MUSTER_DATA_DIR: await directory(), MUSTER_ADMIN_KEY: token, MUSTER_HEARTBEAT_SECONDS: '1' };
    const api = start(env);
    const url = await api.url();
    const agentToken = await enroll(url, token);
    // The pause must begin while the host is online, so it is repeated if this process stood still before it began.
    for (let sentAt = -Infinity; performance.now() - sentAt > 2_000;) {
      api.child.kill('SIGCONT');
      sentAt = performance.now();
      expect((await call(url + Paths.agentContainers, agentToken, 'POST', [])).status).toBe(200);
      api.child.kill('SIGSTOP');
    }
    const pendingResponse = call(url + Paths.hosts, token);
    // The process is paused for longer than the grace period of three heartbeats, so it receives no heartbeat in time.
    await new Promise((resolve) => setTimeout(resolve, 4000));
    api.child.kill('SIGCONT');
    for (const answer of [await pendingResponse, await call(url + Paths.hosts, token)]) {
      expect(await answer.json()).toMatchObject({ items: [{ freshness: 'online' }] });
    }
  });
});

/** Returns the URL of a module that sets the wall clock of the importing process ahead. */
const wallClockAheadBy = (ms: number) =>
  `data:text/javascript,${encodeURIComponent(
    `const Real=Date;globalThis.Date=class extends Real{constructor(...parts){if(parts.length===0)super(Real.now()+${ms});
    else super(...parts)}static now(){return Real.now()+${ms}}}`,
  )}`;

// The embedded database uses the clock of its process, so the two clocks cannot differ.
serverOnly(describe)('a process whose clock is an hour ahead of its database', () => {
  test('stores and returns times of the database’s clock, and exports the skew of its own clock', async () => {
    const db = await createTestDatabase('postgresql');
    cleanUps.push(() => db.close());
    const { token } = issueToken('key');
    const env = { DATABASE_URL: db.url!, MUSTER_ADMIN_KEY: token };
    const api = start({ ...env, NODE_OPTIONS: `--import=${wallClockAheadBy(3_600_000)}` });
    const url = await api.url();
    // If the database of a busy machine is slow, the API refuses calls.
    const agentToken = await eventually(() => enroll(url, token));
    await eventually(async () => {
      expect((await call(url + Paths.agentContainers, agentToken, 'POST', [container('a')])).status).toBe(200);
    });
    const host = await db.prisma.host.findFirstOrThrow();
    const { aliveAt } = await db.prisma.serviceLiveness.findFirstOrThrow();
    const { createdAt } = await db.prisma.apiKey.findFirstOrThrow();
    const { at } = await db.prisma.auditEntry.findFirstOrThrow({ orderBy: { id: 'desc' } });
    for (const instant of [host.lastSeenAt, host.confirmedAt, host.enrolledAt, aliveAt, createdAt, at]) {
      expect(Math.abs((instant?.getTime() ?? 0) - Date.now())).toBeLessThan(300_000);
    }
    const { at: answered } = (await (await call(url + Paths.summary, token)).json()) as { at: string };
    expect(Math.abs(Date.parse(answered) - Date.now())).toBeLessThan(300_000);
    const metrics = await (await fetch(url + Paths.metrics)).text();
    const skew = Number(/^muster_clock_skew_seconds (\S+)$/m.exec(metrics)?.[1]);
    expect(skew).toBeGreaterThan(3_500);
    expect(skew).toBeLessThan(3_700);
  });
});

describe('a shutdown', () => {
  test('with SIGTERM makes the process unready immediately, allows responses in the grace period, and exits with code 0', async () => {
    const { token } = issueToken('key');
    const env = { MUSTER_DATA_DIR: await directory(), MUSTER_ADMIN_KEY: token, MUSTER_DRAIN_SECONDS: '12' };
    const api = start(env);
    const url = await api.url();
    expect((await fetch(url + Paths.ready)).status).toBe(200);
    api.child.kill('SIGTERM');
    await eventually(async () => expect((await fetch(url + Paths.ready)).status).toBe(503));
    const answer = await call(url + Paths.hosts, token);
    expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
    expect(await api.exited).toBe(0);
    await expect(fetch(url + Paths.health)).rejects.toThrow();
  });

  test('with SIGHUP, even twice, closes the database and logs which signal stopped the process', async () => {
    const env = { MUSTER_DATA_DIR: await directory(), MUSTER_DRAIN_SECONDS: '60' };
    const api = start(env);
    await api.url();
    api.child.kill('SIGHUP');
    api.child.kill('SIGHUP');
    expect(await api.exited).toBe(0);
    expect(api.stderr).toMatch(/"signal":"SIGHUP","msg":"stopped"\}\n$/);
  });

  test('by kill -9 under load loses no acknowledged snapshot', async () => {
    const { token } = issueToken('key');
    const env = { MUSTER_DATA_DIR: await directory(), MUSTER_ADMIN_KEY: token };
    const acknowledged = new Map<string, number>();
    const last = { sent: 0 };
    for (let round = 0; round < 3; round++) {
      const api = start(env);
      const url = await api.url();
      const agentToken = await enroll(url, token);
      const id = `round-${round}`;
      const load = (async () => {
        for (;;) {
          last.sent += 1;
          const body = [container(id, { name: `n${last.sent}` }), container(`${id}-b`, { name: `n${last.sent}` })];
          const answer = await call(url + Paths.agentContainers, agentToken, 'POST', body);
          if (answer.status === 200) acknowledged.set(id, last.sent);
        }
      })().catch(() => undefined);
      // Waits until some snapshots have been acknowledged. The next snapshot is in flight when the process is killed.
      const enough = last.sent + 5 + 7 * round;
      while ((acknowledged.get(id) ?? 0) < enough) await new Promise((resolve) => setTimeout(resolve, 5));
      await api.stop('SIGKILL');
      await load;
    }
    const url = await start(env).url();
    const { items } = (await (await call(`${url}${Paths.containers}?limit=200`, token)).json()) as Page<ContainerView>;
    for (const [id, sequence] of acknowledged) {
      const [row, twin] = [id, `${id}-b`].map((dockerId) => items.find((item) => item.dockerId === dockerId));
      // The snapshot that was in flight when the process died might have been stored without a response.
      expect([`n${sequence}`, `n${sequence + 1}`]).toContain(row?.name);
      expect(twin?.name).toBe(row?.name);
    }
  });
});

async function firstKey(api: ApiProcess, dataDir: string): Promise<string> {
  await api.url();
  return (await readFile(join(dataDir, 'admin-key'), 'utf8')).trim();
}
