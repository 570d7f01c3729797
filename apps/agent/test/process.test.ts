import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MUSTER_VERSION, Paths, parseSnapshot } from '@muster/contracts';
import { isAvailable, runIf } from '@muster/testkit';
import { openFixture, type Fixture } from './fixture.js';
import { hostileProblem } from './scripted-muster.js';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

let fixture: Fixture;
let children: ChildProcess[] = [];
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(async () => {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  children = [];
  await fixture.close();
});

interface StartOptions {
  /** A command that runs the agent. */
  through?: string[];
  /** File descriptors in place of the pipes. */
  stdout?: number;
  stderr?: number;
}

/** Starts the built agent as a separate process. */
function start(args: string[], variables: Record<string, string>, options: StartOptions = {}) {
  const command = [...(options.through ?? []), process.execPath, 'dist/main.js', ...args];
  const child = spawn(command[0]!, command.slice(1), {
    cwd: PACKAGE,
    env: { PATH: process.env['PATH'], HOME: fixture.dir, ...variables },
    stdio: ['ignore', options.stdout ?? 'pipe', options.stderr ?? 'pipe'],
  });
  children.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => ({ code, signal, ...output }));
  return { child, ended };
}

const run = (args: string[], variables: Record<string, string> = fixture.variables, options: StartOptions = {}) =>
  start(args, variables, options).ended;

/** Calls `use` with a descriptor of `/dev/full`, to which nothing can be written. */
async function withFullDevice<T>(use: (descriptor: number) => Promise<T>): Promise<T> {
  const device = await open('/dev/full', 'w');
  try {
    return await use(device.fd);
  } finally {
    await device.close();
  }
}

describe('flags', () => {
  test('--help and --version print to stdout', async () => {
    const help = await run(['--help'], {});
    expect([help.code, help.stderr]).toEqual([0, '']);
    expect(help.stdout).toContain('--dry-run');
    expect(await run(['--version'], {})).toMatchObject({ code: 0, stdout: `${MUSTER_VERSION}\n` });
  });

  test('an invalid flag or value causes a one-line error and no other effect', async () => {
    expect(await run(['--onec'])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: "muster-agent: Unknown option '--onec' (see --help)\n",
    });
    const bad = await run(['--once'], { ...fixture.variables, MUSTER_URL: 'example.com', DOCKER_HOST: 'x' });
    expect(bad.code).toBe(2);
    expect(
      bad.stderr
        .trim()
        .split('\n')
        .map((line) => line.split(' ').slice(0, 2).join(' ')),
    ).toEqual(['muster-agent: MUSTER_URL', 'muster-agent: DOCKER_HOST']);
    expect(fixture.muster.receivedRequests).toHaveLength(0);
  });
});

describe('--dry-run', () => {
  test('prints the snapshot without a token or a server', async () => {
    const { code, stdout, stderr } = await run(['--dry-run'], { DOCKER_HOST: fixture.variables['DOCKER_HOST']! });
    expect([code, stderr]).toEqual([0, '']);
    expect(parseSnapshot(JSON.parse(stdout))).toMatchObject({ success: true });
    expect(JSON.parse(stdout)).toHaveLength(24);
    expect(fixture.muster.receivedRequests).toHaveLength(0);
  });

  test('fails with a one-line error if there is no engine', async () => {
    const result = await run(['--dry-run'], { DOCKER_HOST: `unix://${fixture.dir}/nothing.sock` });
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(/^muster-agent: cannot read the engine at unix:.*start the engine.*\n$/);
  });
});

describe('stdout', () => {
  test('on a full device ends a command with exit code 1 and a one-line error', async () => {
    const result = await withFullDevice((stdout) => run(['config'], fixture.variables, { stdout }));
    expect(result).toMatchObject({
      code: 1,
      stderr: 'muster-agent: the output could not be written: ENOSPC: no space left on device, write\n',
    });
  });

  test('does not change the exit code if the reader has closed the pipe', async () => {
    const { child, ended } = start(['--dry-run'], fixture.variables);
    child.stdout!.destroy();
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('stderr', () => {
  test('on a full device does not stop the agent', async () => {
    await withFullDevice(async (stderr) => {
      fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
      const { child, ended } = start([], { ...fixture.variables, LOG_LEVEL: 'trace' }, { stderr });
      await fixture.muster.until(() => fixture.muster.heartbeats.length === 3);
      child.kill('SIGTERM');
      expect(await ended).toMatchObject({ code: 0 });
      expect(await run(['--once'], { ...fixture.variables, MUSTER_URL: 'x' }, { stderr })).toMatchObject({ code: 2 });
    });
  });
});

describe('the log', () => {
  test('is readable text on a terminal', async () => {
    const terminal = spawn('script', ['-qec', `${process.execPath} dist/main.js --once`, '/dev/null'], {
      cwd: PACKAGE,
      env: { PATH: process.env['PATH'], HOME: fixture.dir, TZ: 'UTC', ...fixture.variables },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(terminal);
    let output = '';
    terminal.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    expect((await once(terminal, 'close'))[0]).toBe(0);
    const lines = output.trim().split('\r\n');
    const { hostId } = fixture.muster;
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d INFO {2}enrolled hostId=[-0-9a-f]{36} musterUrl=http:\/\/127\.0\.0\.1:\d+$/,
    );
    expect(lines[1]).toContain(`INFO  snapshot applied hostId=${hostId} received=24`);
  });
});

// Only root on Linux can create a mount namespace and drop capabilities.
const canUnshare = spawnSync('unshare', ['--mount', 'true']).status === 0;
const missing = canUnshare ? null : 'a mount namespace cannot be created: run the tests as root on Linux';
runIf(isAvailable(missing), describe)('a state directory', () => {
  const stateDir = () => fixture.variables['MUSTER_STATE_DIR']!;
  /** Runs the agent in a mount namespace, in which the shell command `prepare` runs first. */
  const inNamespace = (prepare: string) => ['unshare', '--mount', 'sh', '-c', `${prepare} && exec "$0" "$@"`];
  const cannotUse = (reason: string) => ({
    code: 1,
    stdout: '',
    stderr: `muster-agent: cannot use ${stateDir()} for the agent’s state (MUSTER_STATE_DIR): ${reason}\n`,
  });
  const runThrough = (through: string[], command = '--once') => run([command], fixture.variables, { through });

  test.each(['--once', 'leave', 'run'])('of another user makes %s print the owner and advice', async (command) => {
    await mkdir(stateDir(), { mode: 0o700 });
    await chown(stateDir(), 12_345, 12_345);
    // Root without capabilities, as in a container that drops them, has no access to other users' files.
    expect(await runThrough(['setpriv', '--inh-caps=-all', '--bounding-set=-all'], command)).toEqual({
      signal: null,
      ...cannotUse(
        `it belongs to uid 12345, but this process runs as uid 0: run it as uid 12345, or make this user the owner ` +
          `(chown 0 ${stateDir()})`,
      ),
    });
    expect(fixture.muster.receivedRequests).toHaveLength(0);
  });

  test('on a read-only file system makes the agent print the reason', async () => {
    await fixture.once();
    const readOnly = `mount --bind ${stateDir()} ${stateDir()} && mount -o remount,bind,ro ${stateDir()}`;
    expect(await runThrough(inNamespace(readOnly))).toMatchObject(cannotUse('its file system is read-only'));
  });

  test('on a full disk makes the agent fail before it uses its enrollment token', async () => {
    await mkdir(stateDir(), { mode: 0o700 });
    const full = `mount -t tmpfs -o size=4k,mode=700 full ${stateDir()} && echo x >${stateDir()}/file`;
    expect(await runThrough(inNamespace(full))).toMatchObject({
      code: 1,
      stderr: `muster-agent: cannot write agent.json in ${stateDir()} (MUSTER_STATE_DIR): its disk is full\n`,
    });
    expect(fixture.muster.receivedRequests).toHaveLength(0);
    await fixture.once();
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(1);
  });

  test('makes the agent fail if it cannot be created', async () => {
    const { code, stderr } = await run(['--once'], { ...fixture.variables, MUSTER_STATE_DIR: '/proc/1/x/y' });
    expect(code).toBe(1);
    expect(stderr).toBe(
      'muster-agent: cannot use /proc/1/x/y for the agent’s state (MUSTER_STATE_DIR): it, or a part of its path, does ' +
        'not exist and cannot be created\n',
    );
  });

  test('works for a user without a home directory, as in a container with an unknown user', async () => {
    // The process keeps its capabilities. Without them, this user could not access the files of the test.
    const setpriv = ['setpriv', '--securebits', '+no_setuid_fixup', '--inh-caps', '+dac_override'];
    const withoutHome = ['env', '-u', 'HOME', ...setpriv, '--ambient-caps', '+dac_override', '--reuid', '34567'];
    expect(await runThrough(withoutHome)).toMatchObject({ code: 0, stdout: '' });
    expect(fixture.muster.snapshots).toHaveLength(1);
  });

  test('makes status print the owner instead of "not enrolled" if another user owns it', async () => {
    await fixture.once();
    await chown(stateDir(), 12_345, 12_345);
    const { code, stderr } = await runThrough(['setpriv', '--inh-caps=-all', '--bounding-set=-all'], 'status');
    expect(code).toBe(1);
    expect(stderr).toContain(`this user (uid 0) cannot enter ${stateDir()}, which belongs to uid 12345`);
  });
});

describe('--once', () => {
  test('posts one snapshot and exits with 0', async () => {
    expect(await run(['--once'])).toMatchObject({ code: 0, stdout: '' });
    expect(fixture.muster.receivedRequests.map(({ path }) => path)).toEqual([Paths.agentEnroll, Paths.agentContainers]);
  });

  test('escapes control characters of a server’s message in its output and its log', async () => {
    fixture.muster.setReaction(Paths.agentContainers, hostileProblem(400));
    fixture.muster.queueReactions(Paths.agentContainers, hostileProblem(503));
    const { code, stderr } = await run(['--once']);
    expect(code).toBe(1);
    expect(stderr).toContain('2J');
    expect(stderr).not.toMatch(/(?!\n)[\p{Cc}\u202e]/u);
    expect(stderr).not.toMatch(/^muster-agent: all is well/m);
  });

  test('exits with 1 and ends its output with a one-line error if it cannot list the containers', async () => {
    fixture.engineServer.setFault('list', { kind: 'status', status: 500 });
    const { code, stderr } = await run(['--once']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/muster-agent: the engine at .* answered \/containers\/json\?all=1 with 500/);
    expect(fixture.muster.receivedRequests).toHaveLength(0);
  });
});

describe('run', () => {
  async function stopAndMeasure({ child, ended }: ReturnType<typeof start>, signal: NodeJS.Signals = 'SIGTERM') {
    const since = performance.now();
    child.kill(signal);
    const { code } = await ended;
    return { code, isPrompt: performance.now() - since < 2_000 };
  }

  test('a second agent with the same state directory exits with a one-line error, unless the first was killed', async () => {
    const first = start([], fixture.variables);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    const second = await run([]);
    expect(second).toMatchObject({
      code: 1,
      stderr: `muster-agent: another muster-agent is running with ${fixture.variables['MUSTER_STATE_DIR']} (MUSTER_STATE_DIR)\n`,
    });
    first.child.kill('SIGKILL');
    await first.ended;
    expect(await run(['--once'])).toMatchObject({ code: 0 });
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(1);
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('exits with 0 within two seconds after %s', async (signal) => {
    const agent = start([], fixture.variables);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    expect(await stopAndMeasure(agent, signal)).toEqual({ code: 0, isPrompt: true });
    const { stderr } = await agent.ended;
    expect(stderr).toContain(`stopped by ${signal}`);
    expect(stderr).not.toContain('bug in the agent');
  });

  test('ignores SIGUSR1, which would open the debugger of Node.js on a port', async () => {
    fixture.muster.cadence = { heartbeatSeconds: 0.1, snapshotSeconds: 60 };
    const agent = start([], fixture.variables);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    agent.child.kill('SIGUSR1');
    const heartbeats = fixture.muster.heartbeats.length;
    await fixture.muster.until(() => fixture.muster.heartbeats.length >= heartbeats + 5);
    expect(await stopAndMeasure(agent)).toEqual({ code: 0, isPrompt: true });
    expect((await agent.ended).stderr).not.toContain('Debugger');
  });

  test('exits quickly after SIGTERM even while a request to the API or the engine is unanswered', async () => {
    fixture.muster.setReaction(Paths.agentContainers, 'hang');
    const toApi = start([], fixture.variables);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    expect(await stopAndMeasure(toApi)).toEqual({ code: 0, isPrompt: true });

    fixture.engineServer.setFault('events', { kind: 'hang' });
    const { events } = fixture.engineServer.calls;
    const starting = start([], fixture.variables);
    while (fixture.engineServer.calls.events === events) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await stopAndMeasure(starting)).toEqual({ code: 0, isPrompt: true });
    fixture.engineServer.setFault('events', null);

    fixture.engineServer.setFault('list', { kind: 'hang' });
    const lists = fixture.engineServer.calls.list;
    const toEngine = start([], fixture.variables);
    while (fixture.engineServer.calls.list === lists) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await stopAndMeasure(toEngine)).toEqual({ code: 0, isPrompt: true });
  });

  test('logs JSON lines to stderr, without tokens', async () => {
    const { child, ended } = start([], { ...fixture.variables, LOG_LEVEL: 'trace' });
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    child.kill('SIGTERM');
    const { stderr, stdout } = await ended;
    expect(stdout).toBe('');
    for (const line of stderr.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ msg: expect.any(String) });
    expect(stderr).not.toMatch(/muster_(agent|enroll)_[0-9A-Za-z]/);
  });
});

test('importing the agent’s modules has no effect', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'muster-import-'));
  try {
    const { modulesOf } = await import('./modules.js');
    const script = (await modulesOf(join(PACKAGE, 'src')))
      .map((path) => `await import(${JSON.stringify(path)});`)
      .join('');
    const child = spawn(
      process.execPath,
      ['--conditions=@muster/source', '--import', 'tsx', '--input-type=module', '-e', script],
      {
        cwd: PACKAGE,
        env: { PATH: process.env['PATH'], HOME: dir },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    children.push(child);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    expect([(await once(child, 'close'))[0], output]).toEqual([0, '']);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
