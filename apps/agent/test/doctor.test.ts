import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { runIf } from '@muster/testkit';
import { createChecks } from '../src/commands/checks.js';
import { formatFindings, runChecks, type Finding } from '../src/commands/doctor.js';
import { unitAddsGroup } from '../src/commands/service-user.js';
import { parseEnv } from '../src/env.js';
import { openFixture, type Fixture } from './fixture.js';
import { ScriptedEngine, type EngineReaction, type EngineRoute } from './scripted-engine.js';
import { hostileProblem, tokenInvalid, type Reaction } from './scripted-muster.js';

const neverAborted = new AbortController().signal;
const CHECKS = ['state', 'engine', 'permissions', 'dns', 'tls', 'server', 'clock', 'token', 'report'];
const ALL_OK = Object.fromEntries(CHECKS.map((name) => [name, 'ok']));

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
  const { hostId, cadence } = fixture.muster;
  fixture.muster.setReaction(Paths.agentToken, { status: 200, json: { hostId, cadence } });
  fixture.muster.setReaction(Paths.health, { status: 200, json: { status: 'ok' } });
});
afterEach(() => fixture.close());

async function findings(
  overrides: Record<string, string> = {},
  { now = () => new Date(), origins = {} } = {},
): Promise<Finding[]> {
  const parsed = parseEnv({ ...fixture.variables, ...overrides }, undefined, origins);
  if (!parsed.success) throw new Error(parsed.errors.join('\n'));
  return runChecks(createChecks(parsed.env, now), neverAborted);
}
const verdicts = async (...args: Parameters<typeof findings>): Promise<Record<string, string>> =>
  Object.fromEntries((await findings(...args)).map(({ check, verdict }) => [check, verdict]));
const find = async (name: string, ...args: Parameters<typeof findings>): Promise<Finding> =>
  (await findings(...args)).find(({ check }) => check === name)!;

describe('doctor', () => {
  test('reports no problem if everything works, before and after enrolling', async () => {
    expect(await verdicts()).toEqual(ALL_OK);
    await fixture.once();
    expect(await verdicts()).toEqual(ALL_OK);
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(1);
  });

  test('reports each problem with advice, and skips the checks that depend on a failed check', async () => {
    const noEngine = await verdicts({ DOCKER_HOST: `unix://${fixture.dir}/nothing.sock` });
    expect(noEngine).toEqual({ ...ALL_OK, engine: 'failed', permissions: 'skipped' });
    const noServer = await verdicts({ MUSTER_URL: 'http://127.0.0.1:9' });
    expect(noServer).toEqual({ ...ALL_OK, server: 'failed', clock: 'skipped', token: 'skipped' });
    const noName = await verdicts({ MUSTER_URL: 'https://no-such-host.invalid' });
    expect(noName).toMatchObject({ dns: 'failed', tls: 'skipped', server: 'skipped' });
    expect(await verdicts({}, { now: () => new Date(Date.now() + 3_600_000) })).toEqual({ ...ALL_OK, clock: 'failed' });
    expect(await verdicts({ MUSTER_ENROLL_TOKEN: '' })).toEqual({ ...ALL_OK, token: 'failed' });
    fixture.engineServer.setFault('events', { kind: 'status', status: 403 });
    expect(await verdicts()).toEqual({ ...ALL_OK, permissions: 'failed' });
    const file = join(fixture.dir, 'file');
    await writeFile(file, '');
    expect(await verdicts({ MUSTER_STATE_DIR: join(file, 'state') })).toMatchObject({
      state: 'failed',
      dns: 'skipped',
    });
  });

  test.each([false, true])('escapes control characters in a server’s message (JSON output: %s)', async (json) => {
    await fixture.once();
    fixture.muster.setReaction(Paths.agentToken, hostileProblem(503));
    const { text } = formatFindings(await findings(), json);
    expect(text).toContain('2J');
    expect(text).not.toMatch(/(?!\n)[\p{Cc}\u202e]/u);
  });

  test('exits with an error and gives advice for every failed check', async () => {
    await fixture.once();
    fixture.muster.setReaction(Paths.agentToken, tokenInvalid);
    const found = await findings({ DOCKER_HOST: `unix://${fixture.dir}/nothing.sock` });
    const failed = found.filter(({ verdict }) => verdict === 'failed');
    expect(failed.map(({ check }) => check)).toEqual(['engine', 'token']);
    for (const { advice } of failed) expect(advice).toMatch(/\w/);
    const { text, exitCode } = formatFindings(found, false);
    expect(exitCode).toBe(1);
    expect(text.match(/^FAIL/gm)).toHaveLength(2);
    expect(text).toContain('→');
  });
});

describe('doctor’s advice on the engine', () => {
  let engine: ScriptedEngine;
  beforeEach(async () => {
    engine = new ScriptedEngine();
    fixture.variables['DOCKER_HOST'] = await engine.listen(join(fixture.dir, 'scripted.sock'));
    for (const id of ['a', 'b', 'c', 'd']) engine.set(id);
  });
  afterEach(() => engine.close());

  test('suggests allowing inspections if the engine answers 404 for listed containers', async () => {
    engine.react('inspect', { status: 404, text: '404 page not found' });
    expect(await find('permissions')).toEqual({
      check: 'permissions',
      verdict: 'failed',
      found: expect.stringContaining('/containers/a/json answers 404 for a container in the list'),
      advice: expect.stringContaining('allow GET /containers/{id}/json in the socket proxy'),
    });
    expect(engine.count('inspect')).toBe(3);
  });

  test('is absent if only one inspected container is missing', async () => {
    engine.react('inspect', (path) => {
      const id = path.split('/')[2]!;
      if (id === 'a') engine.remove('a');
      return null;
    });
    expect(await find('permissions')).toMatchObject({ verdict: 'ok' });
    engine.set('a');
    engine.react('inspect', (path) => (path.includes('/a/') ? { status: 404 } : null));
    expect(await find('permissions')).toMatchObject({ verdict: 'ok' });
  });

  test('is a warning if only /info is refused, because the agent works without it', async () => {
    engine.forbidden = /^\/info$/;
    expect(await find('permissions')).toMatchObject({
      verdict: 'warning',
      found: 'can read the container list (4), inspections and events',
      advice: expect.stringMatching(/^allow GET \/info in the socket proxy \(it answers 403\)/),
    });
    expect((await findings()).filter(({ verdict }) => verdict !== 'ok').map(({ check }) => check)).toEqual([
      'permissions',
    ]);
  });

  test('is a warning if only inspections of images are refused, because the agent works without digests', async () => {
    engine.set('a', { imageId: `sha256:${'1'.repeat(64)}` });
    engine.forbidden = /^\/images\//;
    expect(await find('permissions')).toMatchObject({
      verdict: 'warning',
      advice: expect.stringMatching(/^allow GET \/images\/\{id\}\/json in the socket proxy \(it answers 403\)/),
    });
  });

  const tooOld: EngineReaction = { status: 400, json: { message: 'client version 1.41 is too old' } };
  test.each<[string, EngineRoute, EngineReaction, Record<string, string>, string, string]>([
    ['a refused version', 'version', { status: 403, text: 'Forbidden' }, {}, 'engine', 'allow GET /version in'],
    ['a refused list', 'list', { status: 403 }, {}, 'permissions', 'allow GET /containers/json in'],
    ['a refused inspection', 'inspect', { status: 403 }, {}, 'permissions', 'allow GET /containers/{id}/json in'],
    ['refused events', 'events', { status: 404 }, {}, 'permissions', 'allow GET /events in'],
    ['an engine that fails', 'list', { status: 500 }, {}, 'permissions', 'journalctl -u docker'],
    ['a web server', 'version', { text: '<html>' }, {}, 'engine', 'is not an engine'],
    [
      'a pinned version',
      'version',
      tooOld,
      { DOCKER_API_VERSION: '1.41' },
      'engine',
      'remove DOCKER_API_VERSION=1.41:',
    ],
    [
      'plain HTTP on a TLS port',
      'ping',
      { status: 400, text: 'Client sent an HTTP request to an HTTPS server.' },
      {},
      'engine',
      'DOCKER_TLS_VERIFY=1',
    ],
  ])('states the cause: %s', async (_cause, route, reaction, variables, check, advice) => {
    engine.react(route, reaction);
    expect(await find(check, variables)).toMatchObject({ verdict: 'failed', advice: expect.stringContaining(advice) });
  });

  test('says where DOCKER_API_VERSION is set, and contains the engine’s message', async () => {
    engine.react('version', tooOld);
    const origins = { DOCKER_API_VERSION: 'file /etc/muster-agent/config' };
    expect(await find('engine', { DOCKER_API_VERSION: '1.41' }, { origins })).toMatchObject({
      found: expect.stringContaining('client version 1.41 is too old'),
      advice: expect.stringContaining('remove DOCKER_API_VERSION=1.41 (file /etc/muster-agent/config)'),
    });
  });

  test.each([
    ['SupplementaryGroups=docker', true],
    ['SupplementaryGroups=998', true],
    ['SupplementaryGroups=adm docker', true],
    ['SupplementaryGroups=9980', false],
    ['# no group for the engine', false],
  ])('depends on whether the unit gives the service the socket’s group (%s)', (line, isAdded) => {
    expect(unitAddsGroup(`[Service]\n${line}\n`, { gid: 998, name: 'docker' })).toBe(isAdded);
  });

  test('accepts a unit with the ID of a group that has no name', () => {
    expect(unitAddsGroup('SupplementaryGroups=998\n', { gid: 998, name: null })).toBe(true);
  });

  const isRoot = process.getuid?.() === 0;
  runIf(isRoot, test)('contains the service’s user if this user may not use the socket but root may', async () => {
    const stateDir = fixture.variables['MUSTER_STATE_DIR']!;
    const socketPath = fixture.variables['DOCKER_HOST']!.replace('unix://', '');
    const [nobody, nogroup] = [65_534, 65_534];
    await mkdir(stateDir);
    await chown(stateDir, nobody, nogroup);
    await chmod(socketPath, 0o660);
    expect(await find('engine')).toMatchObject({
      verdict: 'warning',
      advice: expect.stringMatching(
        /this check ran as root, but nobody, .* mode 660\. .*usermod -aG root nobody.*sudo -u nobody muster-agent doctor/,
      ),
    });
    await chown(socketPath, 0, nogroup);
    expect(await find('engine')).toMatchObject({ verdict: 'ok' });
    await chown(socketPath, nobody, 0);
    expect(await find('engine')).toMatchObject({ verdict: 'ok' });
    await chown(socketPath, 0, 0);
    await chmod(socketPath, 0o666);
    expect(await find('engine')).toMatchObject({ verdict: 'ok' });
  });
});

describe('doctor’s advice on the server', () => {
  const page = (status: number, body: string, headers: Record<string, string> = {}): Reaction => ({
    status,
    text: body,
    headers: { 'content-type': 'text/html', ...headers },
  });
  /** Answers the health check and the agent’s calls with the same response. */
  function answerAll(reaction: Reaction): void {
    for (const path of [Paths.health, Paths.agentToken]) fixture.muster.setReaction(path, reaction);
  }

  test('reports a web server that is not Muster, even if the server answers 200', async () => {
    answerAll(page(200, '<title>Welcome to nginx!</title>'));
    expect(await find('server')).toMatchObject({
      verdict: 'failed',
      found: expect.stringContaining('the server at this address is not Muster (200: Welcome to nginx!)'),
      advice: expect.stringContaining('set MUSTER_URL to Muster’s address'),
    });
  });

  test('says which paths must not require a sign-in, and accepts a redirect of the health check', async () => {
    answerAll(page(302, '', { location: 'https://idp.example/oauth2/authorize?state=x' }));
    expect(await find('server')).toMatchObject({
      verdict: 'failed',
      advice: expect.stringContaining('let /api/agent/* through'),
    });
    fixture.muster.setReaction(Paths.agentToken, tokenInvalid);
    expect(await find('server')).toMatchObject({ verdict: 'ok', found: expect.stringContaining('302 to /healthz') });
    fixture.muster.setReaction(Paths.health, { status: 200, json: { status: 'ok' } });
    fixture.muster.setReaction(Paths.agentToken, page(401, '<title>Sign in</title>'));
    expect(await find('token')).toMatchObject({
      verdict: 'failed',
      advice: expect.stringContaining('continues without a restart'),
      found: expect.stringContaining('let /api/agent/* through'),
    });
  });

  test('appears only in the server check if the server refuses TLS connections', async () => {
    const found = await findings({ MUSTER_URL: 'https://127.0.0.1:9' });
    expect(found.find(({ check }) => check === 'tls')).toEqual({
      check: 'tls',
      verdict: 'skipped',
      found: 'the server refuses connections on port 9: see the check “server”',
      advice: null,
    });
    expect(found.find(({ check }) => check === 'server')).toMatchObject({
      verdict: 'failed',
      advice: 'check that the API is running, and that MUSTER_URL has the right port',
    });
  });

  test('says whether a port that closes the connection speaks HTTP or TLS', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined).end('SSH-2.0-OpenSSH_9.2\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      expect(await find('server', { MUSTER_URL: `http://127.0.0.1:${port}` })).toMatchObject({
        verdict: 'failed',
        found: expect.stringContaining('the server at this address does not speak HTTP'),
      });
      expect(await find('tls', { MUSTER_URL: `https://127.0.0.1:${port}` })).toMatchObject({
        verdict: 'failed',
        found: 'this port does not speak TLS, and the address begins with https:',
      });
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });

  test('contains the path of an unreadable certificate file, with and without a proxy', async () => {
    for (const proxy of ['', 'http://127.0.0.1:9']) {
      const variables = { MUSTER_URL: 'https://127.0.0.1:9', MUSTER_CA_FILE: '/missing.pem', HTTPS_PROXY: proxy };
      expect(await find('tls', variables)).toMatchObject({
        verdict: 'failed',
        found: 'cannot use /missing.pem (MUSTER_CA_FILE): the file does not exist',
        advice: 'correct the file, or remove the setting',
      });
    }
  });

  test('repeats the agent’s message about a changed API address', async () => {
    await fixture.once();
    const other = fixture.variables['MUSTER_URL']!.replace('127.0.0.1', 'localhost');
    expect(await find('token', { MUSTER_URL: other, MUSTER_ENROLL_TOKEN: '' })).toMatchObject({
      verdict: 'failed',
      found: expect.stringContaining(`this machine is enrolled with ${fixture.variables['MUSTER_URL']!}, not with`),
    });
  });
});

describe('doctor’s check of the running agent', () => {
  test('reports the problems that only the running agent knows', async () => {
    expect(await find('report')).toMatchObject({
      verdict: 'ok',
      found: expect.stringContaining('no agent is running'),
    });
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 0.1 };
    fixture.run();
    await fixture.muster.until(() => fixture.muster.snapshots.length > 1);
    expect(await find('report')).toMatchObject({ verdict: 'ok', found: expect.stringContaining('without problems') });
    fixture.muster.setReaction(Paths.agentContainers, {
      status: 400,
      json: {
        type: 'about:blank',
        title: 'Bad Request',
        status: 400,
        detail: 'The snapshot is not valid.',
        requestId: 'r-1',
        errors: [{ path: '7.labels', message: 'has too many keys' }],
      },
    });
    const { length } = fixture.muster.heartbeats;
    await fixture.muster.until(() => fixture.muster.heartbeats.length > length + 2);
    expect(await find('report')).toMatchObject({
      verdict: 'failed',
      found: expect.stringContaining('7.labels has too many keys'),
      advice: 'upgrade the agent or the API, whichever is older',
    });
  });
});
