import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ContainerView } from '@muster/contracts';
import { eventually, mainOf, runIf, startProgram, type Program } from '@muster/testkit';
import { Muster } from '../muster.js';
import { findEngineFiles, type EngineRelease } from './engine-files.js';
import { IMAGE, startRealEngine, type RealEngine } from './real-engine.js';
import { REGISTRY, startRegistry } from './registry.js';

/**
 * What Muster must show for each container name: the code and reason, or the state of a container that has not exited.
 * The word `or` separates two allowed results.
 */
export type Exits = Readonly<Record<string, string>>;

/** The exits on Docker. */
export const DOCKER_EXITS: Exits = {
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
  memory: '137 oom',
  removed: 'absent',
};

/** The exits on Podman, which does not report every request to stop a container. */
export const PODMAN_EXITS: Exits = {
  ...DOCKER_EXITS,
  'exit-5': '5 unknown',
  'exit-127': '127 unknown',
  // Podman reports some of these stops but not all.
  'stopped-ignores-term': '137 unknown or 137 stopped',
  'stopped-exit-5': '5 unknown or 5 stopped',
  'stopped-exit-0': '0 completed or 0 stopped',
  'reloaded-then-failed': '3 unknown',
  'exec-format-error': '1 unknown',
  'missing-command': '0 failed_to_start',
  'port-conflict': '0 failed_to_start',
};

const loopWithTrap = (trap: string): string[] => ['sh', '-c', `trap "${trap}" TERM; while :; do sleep 0.1; done`];
const LOOP_WITH_RELOAD = ['sh', '-c', 'trap "" HUP; trap "exit 3" USR1; while :; do sleep 0.1; done'];
const MEMORY_HOG = ['sh', '-c', 'x=a; while :; do x=$x$x; done'];
const SLEEP = ['sleep', '1d'];

/** Defines the tests of an engine with the built API and the built agent. The tests are the same for all engines. */
export async function describeEngine(release: EngineRelease, exits: Exits): Promise<void> {
  const files = await findEngineFiles(release);
  const label = `${release.name} ${release.version || release.releases[0]}`;
  runIf(files !== null, describe)(`with a real ${label}`, () => defineStories(release, files!, exits));
}

function defineStories(release: EngineRelease, files: string, expectedExits: Exits): void {
  const isDocker = release.name === 'Docker';
  const results: string[][] = [];
  const record = (story: string, result: string) => results.push([engine.version, story, result]);
  /** Cleanup functions, in reverse order of creation. */
  const cleanups: (() => Promise<unknown>)[] = [];
  let dir: string;
  /** The exits that Muster showed first, which must not change. */
  let exits = expectedExits;
  let muster: Muster;
  let engine: RealEngine;
  let agent: Program | undefined;
  const agents: Program[] = [];
  let agentEnv: Record<string, string>;

  const run = (name: string, options: readonly string[] = [], command: readonly string[] = SLEEP): Promise<string> =>
    engine.cli('run', '--detach', '--name', name, ...options, IMAGE, ...command);

  /** Returns the container with this name, or undefined if Muster does not list the container. */
  const find = async (name: string, query = ''): Promise<ContainerView | undefined> =>
    (await muster.containers(`&q=${name}${query}`)).find((each) => each.name === name);

  /** Resolves when Muster shows a container with these fields, and records the fields as the test's result. */
  async function expectShown(
    name: string,
    fields: Readonly<Partial<Record<keyof ContainerView, unknown>>>,
    query = '',
  ): Promise<ContainerView> {
    const shown = await eventually(async () => {
      const container = await find(name, query);
      expect(container).toMatchObject(fields);
      return container!;
    });
    const values = Object.keys(fields).map(
      (field) => `${field} ${JSON.stringify(shown[field as keyof ContainerView])}`,
    );
    record(expect.getState().currentTestName!.replace(/^with a real \S+ \S+ /, ''), values.join(', '));
    return shown;
  }

  /** Resolves with the exits that Muster shows when they match the expected exits. */
  const expectExits = (expected: Exits): Promise<Exits> =>
    eventually(async () => {
      const containers = new Map((await muster.containers()).map((each) => [each.name, each]));
      const shown = Object.keys(expected).map((name) => [name, describeExit(containers.get(name))] as const);
      const allowed = shown.map(([name, exit]) => {
        const wanted = expected[name]!;
        return [name, wanted.split(' or ').includes(exit) ? exit : wanted];
      });
      expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(allowed));
      return Object.fromEntries(shown);
      // The agent repeats a failed inspection, for example on a busy machine, after a minute.
    }, 90_000);

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'muster-engines-'));
    await mkdir(join(dir, 'engine'));
    cleanups.unshift(() => rm(dir, { recursive: true, force: true }));
    engine = await startRealEngine(release, files, join(dir, 'engine'));
    cleanups.unshift(() => engine.close());
    muster = new Muster(dir);
    cleanups.unshift(() => muster.stop());
    await muster.start();
    agentEnv = {
      ...{ MUSTER_URL: muster.url, MUSTER_ENROLL_TOKEN: await muster.enrollmentToken() },
      ...{ MUSTER_STATE_DIR: join(dir, 'agent'), DOCKER_HOST: engine.dockerHost },
    };
    agents.push((agent = startProgram(mainOf('agent'), { env: agentEnv })));
    await engine.cli('create', '--name', 'first', IMAGE, 'true');
    await eventually(async () => expect(await find('first')).toBeDefined());
  }, 180_000);

  afterAll(async () => {
    const rows = results.map((row) => `| ${[release.name, ...row].join(' | ')} |\n`);
    process.stderr.write(`| engine | version | story | Muster's result |\n| --- | --- | --- | --- |\n${rows.join('')}`);
    const codes = await Promise.all(agents.map((each) => each.stop()));
    const failures: unknown[] = [];
    for (const close of cleanups) await close().catch((error: unknown) => failures.push(error));
    expect(failures).toEqual([]);
    expect(codes).toEqual(agents.map(() => 0));
    for (const each of agents) expect(each.stderr()).not.toContain('bug in the agent');
  }, 120_000);

  test('the engine has the expected version', async () => {
    expect(engine.version).toMatch(new RegExp(`^${release.version}`));
    expect((await muster.host()).engine).toMatchObject({ version: engine.version });
  });

  test('Muster shows the reason for each exit', async () => {
    const file = join(dir, 'engine', 'no-program');
    await writeFile(file, '\x7fBAD', { mode: 0o755 });
    await Promise.all([
      run('exit-0', [], ['true']),
      run('exit-5', [], ['sh', '-c', 'exit 5']),
      run('exit-127', [], ['sh', '-c', 'exit 127']),
      run('stopped-ignores-term', [], loopWithTrap('')),
      run('stopped-exit-5', [], loopWithTrap('exit 5')),
      run('stopped-exit-0', [], loopWithTrap('exit 0')),
      run('killed'),
      run('reloaded-then-failed', [], LOOP_WITH_RELOAD),
      run('removed'),
      run('memory', ['--memory', '32m'], MEMORY_HOG),
      run('port-owner', ['--publish', '127.0.0.1:18999:80']),
      run('exec-format-error', ['--volume', `${file}:/no-program`], ['/no-program']).catch(() => undefined),
      run('missing-command', [], ['/no/such/command']).catch(() => undefined),
    ]);
    await run('port-conflict', ['--publish', '127.0.0.1:18999:80']).catch(() => undefined);
    await engine.cli('kill', '--signal', 'HUP', 'reloaded-then-failed');
    await Promise.all([
      engine.cli('stop', '-t', '1', 'stopped-ignores-term', 'stopped-exit-5', 'stopped-exit-0'),
      engine.cli('kill', 'killed'),
      engine.cli('kill', '--signal', 'USR1', 'reloaded-then-failed'),
      engine.cli('rm', '--force', 'removed'),
    ]);
    exits = await expectExits(expectedExits);
    for (const [name, exit] of Object.entries(exits)) record(name, exit);
    expect((await find('port-conflict'))!.exit?.error ?? 'already').toMatch(/already/);
    const { dockerId } = (await find('killed'))!;
    expect((await muster.history(dockerId)).find(({ kind }) => kind === 'exited')?.exitReason).toBe('stopped');
  }, 180_000);

  test('a container with a restart policy has the reason for its last exit and a restart count', async () => {
    await run('policy', ['--restart', 'on-failure:2'], ['sh', '-c', 'exit 9']);
    await expectShown('policy', {
      exit: expect.objectContaining({ code: 9, reason: isDocker ? 'crashed' : 'unknown' }),
      restartCount: 2,
    });
  }, 90_000);

  test('Muster lists the same ids, names and states as the engine', async () => {
    const ids = (await engine.cli('ps', '--all', '--no-trunc', '--quiet')).split('\n');
    // The container with a restart policy may be in its last exit.
    const shown = await eventually(async () => {
      const inspected = await engine.cli('inspect', '--format', '{{.Id}} {{.Name}} {{.State.Status}}', ...ids);
      const listed = inspected.replaceAll(' /', ' ').split('\n');
      const containers = await muster.containers();
      const states = containers.map(({ dockerId, name, state }) => `${dockerId} ${name} ${state}`);
      expect(states.sort()).toEqual(listed.sort());
      return states;
    });
    record('list', `${shown.length} containers`);
  }, 60_000);

  test('Muster shows ports and ranges of ports', async () => {
    await run('ports', [
      '--publish',
      '127.0.0.1:18080:80',
      '--publish',
      '127.0.0.1:20000-20009:3000-3009/udp',
      '--expose',
      '4000-4099',
    ]);
    const ports = [
      { ip: '127.0.0.1', privatePort: 80, publicPort: 18_080, type: 'tcp' as const },
      { ip: '127.0.0.1', privatePort: 3_000, publicPort: 20_000, type: 'udp' as const, count: 10 },
      { privatePort: 4_000, type: 'tcp' as const, count: 100 },
    ];
    await expectShown('ports', { ports });
  }, 90_000);

  test('Muster shows the health of a container', async () => {
    const check = [
      '--health-cmd',
      'test ! -e /tmp/bad',
      '--health-interval',
      isDocker ? '500ms' : 'disable',
      '--health-retries',
      '1',
    ];
    await run('health', check);
    // Podman needs systemd to run health checks.
    const checkNow = () => (isDocker ? null : engine.cli('healthcheck', 'run', 'health').catch(() => null));
    await checkNow();
    await expectShown('health', { health: 'healthy' });
    await engine.cli('exec', 'health', 'touch', '/tmp/bad');
    await checkNow();
    await expectShown('health', { health: 'unhealthy' });
  }, 150_000);

  test('a container keeps the image from its creation after the tag moved', async () => {
    await engine.cli('commit', 'first', 'localhost/demo:1');
    const id = await engine.cli('run', '--detach', '--name', 'moved-tag', 'localhost/demo:1', ...SLEEP);
    await expectShown('moved-tag', { image: 'localhost/demo:1' });
    await engine.cli('commit', '--change', 'LABEL build=2', 'first', 'localhost/demo:1');
    await engine.cli('restart', '-t', '0', 'moved-tag');
    const fresh = await engine.cli('run', '--detach', '--name', 'after-moved-tag', 'localhost/demo:1', ...SLEEP);
    await eventually(async () => expect((await find('after-moved-tag'))?.dockerId).toBe(fresh));
    await expectShown('moved-tag', { image: 'localhost/demo:1', state: 'running' });
    expect((await muster.history(id)).map(({ kind }) => kind)).not.toContain('image_changed');
  }, 90_000);

  // With Docker, an image has no digest before it is pushed to or pulled from a registry.
  (isDocker ? test.skip : test)(
    'Muster shows the image digest that the engine reports',
    async () => {
      const digests = await engine.cli('image', 'inspect', '--format', '{{join .RepoDigests " "}}', IMAGE);
      const digest = /@(sha256:[0-9a-f]{64})/.exec(digests)?.[1];
      expect(digest).toBeDefined();
      await expectShown('port-owner', { imageDigest: digest });
    },
    60_000,
  );

  // Podman's digests need no registry, so the previous test checks them.
  (isDocker ? test : test.skip)(
    'Muster shows the image digests that the registry reports, and the drift between two builds of a tag',
    async () => {
      const registry = await startRegistry(engine, join(dir, 'engine'));
      const image = `${REGISTRY}/shop:1`;
      /** Pushes a build, and runs a container for which the engine pulls the build. Returns the build's digest. */
      async function release(build: number): Promise<string> {
        await engine.cli('commit', '--change', `LABEL build=${build}`, 'first', image);
        await engine.cli('push', image);
        await engine.cli('image', 'rm', image);
        await engine.cli('run', '--detach', '--name', `shop-${build}`, image, ...SLEEP);
        const digest = await registry.digestOf('shop', '1');
        await expectShown(`shop-${build}`, { image, imageDigest: expect.stringContaining(digest) });
        return digest;
      }
      const [first, second] = [await release(1), await release(2)];
      expect(second).not.toBe(first);
      await expectShown('shop-1', { image, imageDigest: expect.stringContaining(first) });
      await eventually(async () => {
        const { items } = await muster.client.call('listImages', { query: { q: 'shop' } });
        expect(items).toMatchObject([{ image, drift: 'different', containers: 2 }]);
      });
      record('two builds of a tag', 'drift "different"');
    },
    150_000,
  );

  // Docker has no pods.
  (isDocker ? test.skip : test)(
    'Muster marks the infra container of a pod, and shows the ports of the pod on it',
    async () => {
      await engine.cli('pod', 'create', '--name', 'shop', '--publish', '127.0.0.1:18090:80');
      await engine.cli('run', '--detach', '--name', 'in-pod', '--pod', 'shop', IMAGE, ...SLEEP);
      await expectShown('in-pod', { isInfra: false, ports: [] });
      const infra = await engine.cli('pod', 'inspect', '--format', '{{.InfraContainerID}}', 'shop');
      const name = await engine.cli('inspect', '--format', '{{.Name}}', infra);
      const ports = [{ ip: '127.0.0.1', privatePort: 80, publicPort: 18_090, type: 'tcp' as const }];
      await expectShown(name, { isInfra: true, ports }, '&infra=true');
    },
    90_000,
  );

  test('a restart of the agent keeps every reason and adds no event', async () => {
    const ids = (await muster.containers()).filter(({ name }) => name in exits).map(({ dockerId }) => dockerId);
    const countEvents = async () =>
      (await Promise.all(ids.map((id) => muster.history(id)))).map(({ length }) => length);
    const before = await countEvents();
    expect(await agent!.stop()).toBe(0);
    agents.push((agent = startProgram(mainOf('agent'), { env: agentEnv })));
    // The agent reports this container after all other containers.
    await engine.cli('create', '--name', 'after-the-restart', IMAGE, 'true');
    await eventually(async () => expect(await find('after-the-restart')).toBeDefined(), 60_000);
    await expectExits(exits);
    expect(await countEvents()).toEqual(before);
    record('restart of the agent', `${ids.length} reasons kept, no event`);
  }, 150_000);

  test('a restart of the engine loses no container and changes no reason', async () => {
    await engine.restart();
    await eventually(async () => expect((await muster.host()).freshness).toBe('online'), 60_000);
    await expectExits(exits);
    record('restart of the engine', 'all reasons kept');
  }, 150_000);

  test('an exit during a power cut has no known cause', async () => {
    await run('power-cut');
    await eventually(async () => expect((await find('power-cut'))?.state).toBe('running'));
    await engine.cutPower();
    const lost = isDocker ? '255 unknown' : '0 unknown';
    await expectExits({ 'power-cut': lost, ...exits });
    record('power cut', `${lost}; all other reasons kept`);
  }, 150_000);
}

/** Returns the code and reason of a container's exit as the API shows them. */
const describeExit = (container: ContainerView | undefined): string =>
  container?.exit ? `${container.exit.code} ${container.exit.reason}` : (container?.state ?? 'absent');
