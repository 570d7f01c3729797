import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ContainerView } from '@muster/contracts';
import {
  eventually,
  hasDockerEngine,
  isAvailable,
  mainOf,
  runIf,
  startDockerEngine,
  startProgram,
  type Program,
} from '@muster/testkit';
import { openPodmanMachine } from '../support/engine-machine.js';
import { Muster } from '../support/muster.js';

const hasPodman = isAvailable(
  spawnSync('podman', ['--version']).status === 0 && process.getuid?.() === 0
    ? null
    : 'Podman is not installed, or the tests do not run as root: apt-get install podman runc busybox-static',
);
/** Without this controller, an engine cannot limit a container's memory. */
const hasMemoryLimit = isAvailable(
  spawnSync('sh', ['-c', 'test -d /sys/fs/cgroup/memory || grep -qw memory /sys/fs/cgroup/cgroup.controllers'])
    .status === 0
    ? null
    : 'this machine has no memory controller for control groups',
);

const loop = (trap: string): string[] => ['sh', '-c', `trap "${trap}" TERM; while :; do sleep 0.1; done`];
const RELOADED = ['sh', '-c', 'trap "" HUP; trap "exit 3" USR1; while :; do sleep 0.1; done'];
const MEMORY_HOG = ['sh', '-c', 'x=a; while :; do x=$x$x; done'];

let dir: string;
let muster: Muster;
let agent: Program | undefined;
let agentEnv: Record<string, string>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-exits-'));
  muster = new Muster(dir);
  await muster.start();
}, 120_000);

afterAll(async () => {
  await muster.stop();
  await rm(dir, { recursive: true, force: true });
});

async function startAgent(name: string, dockerHost: string): Promise<void> {
  const MUSTER_ENROLL_TOKEN = await muster.enrollmentToken(name);
  const MUSTER_STATE_DIR = join(dir, `agent-${name}`);
  agentEnv = { MUSTER_URL: muster.url, MUSTER_ENROLL_TOKEN, MUSTER_STATE_DIR, DOCKER_HOST: dockerHost };
  agent = startProgram(mainOf('agent'), { env: agentEnv });
}

/** Returns the containers that have these names. */
async function containersOf(names: readonly string[]): Promise<Map<string, ContainerView>> {
  const containers = await muster.containers();
  return new Map(containers.filter(({ name }) => names.includes(name)).map((each) => [each.name, each]));
}

/** Describes why a container ended, as the API shows it. */
const describeExit = (container: ContainerView | undefined): string =>
  container?.exit ? `${container.exit.code} ${container.exit.reason}` : (container?.state ?? 'absent');

/** Resolves when the API shows these exits, and prints them. */
async function expectExits(engine: string, expected: Readonly<Record<string, string>>): Promise<void> {
  const names = Object.keys(expected);
  const shown = await eventually(async () => {
    const containers = await containersOf(names);
    const exits = Object.fromEntries(names.map((name) => [name, describeExit(containers.get(name))]));
    expect(exits).toEqual(expected);
    return exits;
  }, 60_000);
  for (const [name, exit] of Object.entries(shown)) process.stderr.write(`${engine}: ${name}: ${exit}\n`);
}

runIf(hasDockerEngine(), describe)('with a real Docker engine', () => {
  let engine: Awaited<ReturnType<typeof startDockerEngine>>;

  beforeAll(async () => {
    engine = await startDockerEngine();
    await startAgent('docker', engine.dockerHost);
    await engine.create('first');
    await eventually(async () => expect((await containersOf(['first'])).size).toBe(1));
  }, 120_000);

  afterAll(async () => {
    expect([await agent?.stop(), agent?.stderr()]).toEqual([0, expect.not.stringContaining('bug in the agent')]);
    await engine.close();
  }, 120_000);

  const EXITS = {
    'exit-0': '0 completed',
    'exit-5': '5 crashed',
    'exit-127': '127 crashed',
    'stopped-ignores-term': '137 stopped',
    'stopped-exit-5': '5 stopped',
    'stopped-exit-0': '0 stopped',
    killed: '137 stopped',
    'reloaded-then-failed': '3 crashed',
    'exec-format-error': '1 crashed',
    'missing-command': '127 failed_to_start',
    'port-conflict': '128 failed_to_start',
    removed: 'absent',
  };

  test('each container has the reason for which it ended', async () => {
    const file = join(dir, 'no-program');
    await writeFile(file, '\x7fBAD', { mode: 0o755 });
    await Promise.all([
      engine.run('exit-0', [], ['true']),
      engine.run('exit-5', [], ['sh', '-c', 'exit 5']),
      engine.run('exit-127', [], ['sh', '-c', 'exit 127']),
      engine.run('stopped-ignores-term', [], loop('')),
      engine.run('stopped-exit-5', [], loop('exit 5')),
      engine.run('stopped-exit-0', [], loop('exit 0')),
      engine.run('killed'),
      engine.run('reloaded-then-failed', [], RELOADED),
      engine.run('removed'),
      engine.run('port-owner', ['--publish', '127.0.0.1:18999:80']),
      engine.run('exec-format-error', ['--volume', `${file}:/no-program`], ['/no-program']).catch(() => undefined),
      engine.run('missing-command', [], ['/no/such/command']).catch(() => undefined),
    ]);
    await engine.run('port-conflict', ['--publish', '127.0.0.1:18999:80']).catch(() => undefined);
    await engine.docker('kill', '--signal', 'HUP', 'reloaded-then-failed');
    await Promise.all([
      engine.docker('stop', '--time', '1', 'stopped-ignores-term', 'stopped-exit-5', 'stopped-exit-0'),
      engine.docker('kill', 'killed'),
      engine.docker('kill', '--signal', 'USR1', 'reloaded-then-failed'),
      engine.remove('removed'),
    ]);
    await expectExits('Docker', EXITS);
    const conflict = (await containersOf(['port-conflict'])).get('port-conflict')!;
    expect(conflict.exit?.error).toContain('port is already allocated');
    const stopped = (await containersOf(['killed'])).get('killed')!;
    expect((await muster.history(stopped.dockerId)).find(({ kind }) => kind === 'exited')?.exitReason).toBe('stopped');
  }, 120_000);

  runIf(hasMemoryLimit, test)(
    'a container that ran out of memory is shown as such',
    async () => {
      await engine.run('memory', ['--memory', '32m'], MEMORY_HOG);
      await expectExits('Docker', { memory: '137 oom' });
      expect((await containersOf(['memory'])).get('memory')!.oomKilled).toBe(true);
    },
    60_000,
  );

  test('a container that its restart policy starts again and again has the reason of its last end, and a count', async () => {
    await engine.run('policy', ['--restart', 'on-failure:2'], ['sh', '-c', 'exit 9']);
    await expectExits('Docker', { policy: '9 crashed' });
    await eventually(async () => expect((await containersOf(['policy'])).get('policy')!.restartCount).toBe(2));
  }, 60_000);

  test('a restart of the agent keeps every reason, and adds no event', async () => {
    const ids = [...(await containersOf(Object.keys(EXITS))).values()].map(({ dockerId }) => dockerId);
    const countEvents = async () =>
      (await Promise.all(ids.map((id) => muster.history(id)))).map(({ length }) => length);
    const before = await countEvents();
    expect(await agent!.stop()).toBe(0);
    agent = startProgram(mainOf('agent'), { env: agentEnv });
    // The agent reports this container after it has reported all others.
    await engine.create('after-the-restart');
    await eventually(async () => expect((await containersOf(['after-the-restart'])).size).toBe(1), 60_000);
    await expectExits('Docker, after a restart of the agent', EXITS);
    expect(await countEvents()).toEqual(before);
  }, 120_000);

  test('an end that no one saw, because engine and host failed, has no known cause', async () => {
    await engine.run('power-cut');
    await eventually(async () => expect((await containersOf(['power-cut'])).get('power-cut')?.state).toBe('running'));
    await engine.kill();
    await engine.restart();
    await expectExits('Docker, after a power cut', { 'power-cut': '255 unknown', ...EXITS });
  }, 120_000);
});

runIf(hasPodman, describe)('with a real Podman engine', () => {
  let machine: Awaited<ReturnType<typeof openPodmanMachine>>;

  const podman = async (command: string): Promise<void> => void (await machine.run(`podman ${command}`));

  beforeAll(async () => {
    const podmanDir = join(dir, 'podman');
    await mkdir(join(podmanDir, 'image', 'bin'), { recursive: true });
    machine = await openPodmanMachine(podmanDir, muster.url);
    const socket = join(podmanDir, 'podman.sock');
    const prepared = await machine.run(`set -e
      cd '${podmanDir}/image'
      cp "$(command -v busybox)" bin/busybox
      for applet in sh sleep true; do ln -s busybox bin/$applet; done
      tar -cf ../image.tar .
      podman import ../image.tar localhost/test/bb:1
      podman system service --time=0 'unix://${socket}' >/dev/null 2>&1 &
      echo $! >/run/podman.pid
      for _ in $(seq 50); do [ -S '${socket}' ] || sleep 0.1; done`);
    if (prepared.code !== 0) throw new Error(prepared.stderr);
    await startAgent('podman', `unix://${socket}`);
    await podman('create --name first localhost/test/bb:1');
    await eventually(async () => expect((await containersOf(['first'])).size).toBeGreaterThan(0), 60_000);
  }, 120_000);

  afterAll(async () => {
    expect([await agent?.stop(), agent?.stderr()]).toEqual([0, expect.not.stringContaining('bug in the agent')]);
    await machine.close();
  }, 60_000);

  test('each container has the reason for which it ended, as far as Podman 4 reports it', async () => {
    const run = (name: string, command: string): Promise<void> =>
      podman(`run --detach --name podman-${name} localhost/test/bb:1 ${command}`);
    await run('exit-0', 'true');
    await run('exit-5', `sh -c 'exit 5'`);
    await run('stopped', `sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done'`);
    await run('killed', 'sleep 1000');
    await run('missing-command', '/no/such/command');
    await podman('stop --time 3 podman-stopped');
    await podman('kill podman-killed');
    await expectExits('Podman', {
      'podman-exit-0': '0 completed',
      // Podman 4 does not report whether a stop was requested.
      'podman-exit-5': '5 unknown',
      'podman-stopped': '5 unknown',
      'podman-killed': '137 stopped',
      // Podman 4 does not report why a start failed.
      'podman-missing-command': 'created',
    });
  }, 120_000);
});
