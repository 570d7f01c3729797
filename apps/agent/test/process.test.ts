import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths, parseSnapshot } from '@muster/contracts';
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

/** Starts the built agent as a separate process. */
function start(args: string[], variables: Record<string, string>) {
  const child = spawn(process.execPath, ['dist/main.js', ...args], {
    cwd: PACKAGE,
    env: { PATH: process.env['PATH'], HOME: fixture.dir, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => ({ code, signal, ...output }));
  return { child, ended };
}

const run = (args: string[], variables: Record<string, string> = fixture.variables) => start(args, variables).ended;

describe('flags', () => {
  test('--help and --version print to stdout', async () => {
    const help = await run(['--help'], {});
    expect([help.code, help.stderr]).toEqual([0, '']);
    expect(help.stdout).toContain('--dry-run');
    expect(await run(['--version'], {})).toMatchObject({ code: 0, stdout: '0.1.0\n' });
  });

  test('an invalid flag or value is reported in one line without any other effect', async () => {
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

describe('--once', () => {
  test('posts one snapshot and exits with 0', async () => {
    expect(await run(['--once'])).toMatchObject({ code: 0, stdout: '' });
    expect(fixture.muster.receivedRequests.map(({ path }) => path)).toEqual([Paths.agentEnroll, Paths.agentContainers]);
  });

  test('escapes control characters in a server’s message, in its last line and in its log', async () => {
    fixture.muster.setReaction(Paths.agentContainers, hostileProblem(400));
    fixture.muster.queueReactions(Paths.agentContainers, hostileProblem(503));
    const { code, stderr } = await run(['--once']);
    expect(code).toBe(1);
    expect(stderr).toContain('2J');
    expect(stderr).not.toMatch(/(?!\n)[\p{Cc}\u202e]/u);
    expect(stderr).not.toMatch(/^muster-agent: all is well/m);
  });

  test('exits with 1 and prints one line after its log if it cannot list the containers', async () => {
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

  test.each(['SIGTERM', 'SIGINT'] as const)('exits with 0 within two seconds after %s', async (signal) => {
    const agent = start([], fixture.variables);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    expect(await stopAndMeasure(agent, signal)).toEqual({ code: 0, isPrompt: true });
    const { stderr } = await agent.ended;
    expect(stderr).toContain(`stopped by ${signal}`);
    expect(stderr).not.toContain('bug in the agent');
  });

  test('exits quickly after SIGTERM even while a request to the API or the engine is unanswered', async () => {
    fixture.muster.setReaction(Paths.agentContainers, 'hang');
    const toApi = start([], fixture.variables);
    await fixture.muster.until(() => fixture.muster.snapshots.length === 1);
    expect(await stopAndMeasure(toApi)).toEqual({ code: 0, isPrompt: true });

    fixture.engineServer.setFault('events', { kind: 'hang' });
    const starting = start([], fixture.variables);
    while (fixture.engineServer.calls.events < 2) await new Promise((resolve) => setTimeout(resolve, 20));
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
