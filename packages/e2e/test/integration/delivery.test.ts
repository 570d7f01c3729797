import { spawn, execFileSync, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { startReplayedEngine } from '@muster/testkit/engine-replay';
import { eventually } from '@muster/testkit';
import { buildAgentRelease } from '../support/agent-release.js';
import { Muster } from '../support/muster.js';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const BINARY = `muster-agent-linux-${process.arch}`;

let dir: string;
let release: string;
let muster: Muster;
let engineSocket: string;
const closers: (() => Promise<unknown>)[] = [];
const children: ChildProcess[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-delivery-'));
  closers.unshift(() => rm(dir, { recursive: true, force: true }));
  release = buildAgentRelease();
  engineSocket = join(dir, 'engine.sock');
  const replayed = await startReplayedEngine({
    capturedEngine: 'docker-28.5',
    listen: { socketPath: engineSocket },
    seed: 1,
  });
  closers.unshift(() => replayed.close());
  // A host is online for fifteen seconds after its last report, even if the machine is busy.
  muster = new Muster(dir, { MUSTER_AGENT_RELEASE_DIR: release, MUSTER_HEARTBEAT_SECONDS: '5' });
  closers.unshift(() => muster.stop());
  await muster.start();
}, 400_000);
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await new Promise((resolve) => child.once('close', resolve));
    }
  }
});
afterAll(async () => {
  for (const close of closers) await close();
}, 300_000);

interface ProgramResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

function start(command: string, args: string[], env: Record<string, string>): ChildProcess {
  const child = spawn(command, args, { env: { HOME: dir, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  children.push(child);
  return child;
}

async function run(command: string, args: string[], env: Record<string, string>, input = ''): Promise<ProgramResult> {
  const child = start(command, args, env);
  child.stdin!.end(input);
  const ended = new Promise<number | null>((resolve) => void child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout!), text(child.stderr!), ended]);
  return { code, stdout, stderr };
}

/** Deletes all hosts, so that the next test starts without hosts. */
const deleteHosts = async (): Promise<void> => {
  for (const { id } of await muster.hosts()) await muster.deleteHost(id);
};

describe('curl … /install.sh | sh', () => {
  const env = () => ({ PATH: '/usr/bin:/bin', DOCKER_HOST: `unix://${engineSocket}` });
  const install = async (root: string, args: string[], script?: string): Promise<ProgramResult> =>
    run('sh', ['-s', '--', '--root', root, ...args], env(), script ?? (await muster.text('/install.sh')));

  /** Runs the installed agent without Node.js on the PATH. */
  const agent = (root: string, ...args: string[]): Promise<ProgramResult> =>
    run(join(root, 'usr/local/bin/muster-agent'), args, {
      ...{ PATH: '/nonexistent', DOCKER_HOST: `unix://${engineSocket}` },
      ...{ MUSTER_STATE_DIR: join(root, 'var/lib/muster-agent'), MUSTER_CONFIG: join(root, 'etc/muster-agent/config') },
    });

  test('installs a reporting agent, changes nothing if it is run again, and uninstalls all files', async () => {
    const root = join(dir, 'machine');
    const first = await install(root, ['--token', await muster.enrollmentToken()]);
    expect([first.code, first.stderr]).toEqual([0, '']);
    const host = await muster.host();
    expect(host).toMatchObject({ freshness: 'online', containerCount: 24 });

    const binary = join(root, 'usr/local/bin/muster-agent');
    const before = (await stat(binary)).mtimeMs;
    const config = await readFile(join(root, 'etc/muster-agent/config'), 'utf8');
    expect(await install(root, [])).toMatchObject({ code: 0, stderr: '' });
    expect((await stat(binary)).mtimeMs).toBe(before);
    expect(await readFile(join(root, 'etc/muster-agent/config'), 'utf8')).toBe(config);
    expect((await muster.host()).id).toBe(host.id);

    const doctor = await agent(root, 'doctor');
    expect([doctor.code, doctor.stdout.match(/^ok/gm)?.length]).toEqual([0, 9]);
    expect(await agent(root, 'status')).toMatchObject({ code: 1, stdout: expect.stringContaining(host.id) });

    const removed = await install(root, ['--uninstall']);
    expect([removed.code, removed.stderr]).toEqual([0, '']);
    const files = (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    expect(files).toEqual([]);
    expect((await muster.host()).id).toBe(host.id);
    await deleteHosts();
  });

  test('rejects an unknown enrollment token before it downloads anything', async () => {
    const root = join(dir, 'refused');
    const token = await muster.enrollmentToken();
    const other = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
    expect(await install(root, ['--token', other])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('rejects the enrollment token'),
    });
    await expect(stat(root)).rejects.toThrow('ENOENT');
  });

  test('moves an installed agent to a new address of the API without a token', async () => {
    const root = join(dir, 'moved');
    expect(await install(root, ['--token', await muster.enrollmentToken()])).toMatchObject({ code: 0, stderr: '' });
    const { id } = await muster.host();
    const url = muster.url.replace('127.0.0.1', 'localhost');
    expect(await install(root, ['--url', url])).toMatchObject({ code: 0, stderr: '' });
    expect(await agent(root, 'status')).toMatchObject({ stdout: expect.stringContaining(`enrolled at ${url} as`) });
    expect(await agent(root, 'once')).toMatchObject({ code: 0 });
    expect(await muster.host()).toMatchObject({ id, freshness: 'online' });
    expect(await install(root, ['--uninstall'])).toMatchObject({ code: 0, stderr: '' });
    expect(await muster.host()).toMatchObject({ id, freshness: 'left' });
    await deleteHosts();
  });

  test('stops manually started agents before it uninstalls, for any state directory', async () => {
    const root = join(dir, 'by-hand');
    expect(await install(root, ['--token', await muster.enrollmentToken()])).toMatchObject({ code: 0, stderr: '' });
    const binary = join(root, 'usr/local/bin/muster-agent');
    const stateDirs = [join(root, 'var/lib/muster-agent'), join(dir, 'other-state')];
    const agents: ReturnType<typeof start>[] = [];
    for (const MUSTER_STATE_DIR of stateDirs) {
      const env = { ...{ PATH: '/nonexistent', MUSTER_STATE_DIR }, DOCKER_HOST: `unix://${engineSocket}` };
      const variables = { ...env, MUSTER_URL: muster.url, MUSTER_ENROLL_TOKEN: await muster.enrollmentToken() };
      agents.push(start(binary, ['run'], variables));
      await eventually(async () => expect((await run(binary, ['status'], env)).stdout).toContain('as process'));
    }
    expect(await install(root, ['--url', 'http://127.0.0.1:9'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`an agent still runs as process ${agents[0]!.pid}: stop it first`),
    });
    expect(agents.map(({ exitCode }) => exitCode)).toEqual([null, null]);
    const removed = await install(root, ['--uninstall']);
    expect([removed.code, removed.stderr, removed.stdout]).toEqual([0, '', expect.stringMatching(/was removed\n$/)]);
    await eventually(async () => expect(agents.map(({ exitCode }) => exitCode)).toEqual([0, 0]));
    expect(await install(root, ['--uninstall'])).toMatchObject({ code: 0, stdout: 'The agent is not installed\n' });
    await deleteHosts();
  });

  test('installs nothing if a checksum does not match', async () => {
    const root = join(dir, 'tampered');
    const served = await muster.text('/install.sh');
    const script = served.replace(new RegExp(`[0-9a-f]{64}(?=  ${BINARY})`), '0'.repeat(64));
    expect(script).not.toBe(served);
    const result = await install(root, ['--token', await muster.enrollmentToken()], script);
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing was installed') });
    expect(await readdir(join(root, 'usr/local/bin'))).toEqual([]);
  });

  test('does nothing if the script was truncated in transit', async () => {
    const root = join(dir, 'cut');
    const served = await muster.text('/install.sh');
    expect(await install(root, [], served.slice(0, served.lastIndexOf('main "$@"')))).toMatchObject({
      code: 0,
      stdout: '',
    });
    await expect(stat(root)).rejects.toThrow('ENOENT');
  });
});

describe('the executable', () => {
  const binary = () => join(release, BINARY);

  test('runs all commands without Node.js: enroll, once, run, status, doctor, leave', async () => {
    const env = {
      ...{ PATH: '/nonexistent', DOCKER_HOST: `unix://${engineSocket}`, MUSTER_STATE_DIR: join(dir, 'state') },
      ...{ MUSTER_URL: muster.url, MUSTER_ENROLL_TOKEN: await muster.enrollmentToken() },
    };
    const enrolled = await run(binary(), ['enroll'], env);
    expect([enrolled.code, enrolled.stdout]).toEqual([0, expect.stringMatching(/is enrolled: host [0-9a-f-]{36}\n$/)]);
    expect((await run(binary(), ['enroll'], env)).stdout).toContain('was already enrolled');
    expect((await muster.host()).containerCount).toBe(0);
    expect(await run(binary(), ['once'], env)).toMatchObject({ code: 0, stdout: '' });
    expect((await muster.host()).containerCount).toBe(24);
    const running = start(binary(), ['run'], env);
    await eventually(async () => {
      const status = await run(binary(), ['status', '--json'], env);
      expect([status.code, JSON.parse(status.stdout)]).toMatchObject([
        0,
        { running: { containers: 24, serverError: null } },
      ]);
    });
    const doctor = await run(binary(), ['doctor'], env);
    expect([doctor.code, doctor.stdout.match(/^ok/gm)?.length]).toEqual([0, 9]);
    expect(await run(binary(), ['leave'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is running'),
    });
    running.kill('SIGTERM');
    await new Promise((resolve) => running.once('close', resolve));
    expect(await run(binary(), ['leave'], env)).toMatchObject({ code: 0 });
    const { MUSTER_ENROLL_TOKEN: _, ...without } = env;
    expect(await run(binary(), ['once'], without)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('not enrolled'),
    });
    await deleteHosts();
  });

  test('has a bill of materials that lists each component with its hash', async () => {
    const bill = JSON.parse(await readFile(join(release, 'sbom.cdx.json'), 'utf8')) as {
      bomFormat: string;
      components: { name: string; version: string; hashes?: { content: string }[] }[];
    };
    expect(bill.bomFormat).toBe('CycloneDX');
    expect(bill.components.map(({ name }) => name)).toEqual(expect.arrayContaining(['node', 'zod', 'pino']));
    for (const { name, hashes } of bill.components) {
      if (name !== 'node')
        expect(hashes).toEqual([{ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) }]);
    }
  });
});

describe('the systemd unit', () => {
  test('has an exposure level below 3 in systemd-analyze security', () => {
    const unit = join(ROOT, 'apps/agent/packaging/muster-agent.service');
    const report = execFileSync('systemd-analyze', ['security', '--offline=true', '--no-pager', unit]).toString();
    const exposure = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(report)?.[1]);
    expect(exposure).toBeGreaterThan(0);
    expect(exposure).toBeLessThan(3);
  });
});

describe('the units of the update', () => {
  test('are accepted by systemd-analyze', () => {
    const units = ['muster-agent-update.service', 'muster-agent-update.timer'];
    const paths = units.map((name) => join(ROOT, 'apps/agent/packaging', name));
    const report = execFileSync('sh', ['-c', 'systemd-analyze verify "$@" 2>&1 || true', 'sh', ...paths]).toString();
    // The executable is not installed on this machine.
    expect(report.split('\n').filter((line) => line !== '' && !line.includes('is not executable'))).toEqual([]);
  });
});

describe('examples/agent.sh', () => {
  test('reports all containers with at most thirty lines of code, and posts nothing if the engine does not respond', async () => {
    const script = await readFile(join(ROOT, 'examples/agent.sh'), 'utf8');
    expect(script.split('\n').filter((line) => /^\s*[^#\s]/.test(line)).length).toBeLessThanOrEqual(30);
    const env = {
      ...{ PATH: '/usr/bin:/bin', MUSTER_URL: muster.url, MUSTER_ENROLL_TOKEN: await muster.enrollmentToken() },
      ...{ DOCKER_SOCKET: engineSocket, AGENT_TOKEN_FILE: join(dir, 'token') },
    };
    const running = start('sh', [join(ROOT, 'examples/agent.sh')], env);
    await eventually(async () => expect((await muster.host()).containerCount).toBe(24));
    const names = (await muster.containers()).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['h5-healthy', 'h5-v6', 'h5-joined']));
    running.kill('SIGTERM');
    await new Promise((resolve) => running.once('close', resolve));

    start('sh', [join(ROOT, 'examples/agent.sh')], { ...env, DOCKER_SOCKET: join(dir, 'nothing.sock') });
    await eventually(async () => expect((await muster.host()).engineError).toBe('the engine does not answer'));
    expect((await muster.host()).containerCount).toBe(24);
    await deleteHosts();
  });
});
