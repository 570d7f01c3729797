import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import {
  eventually,
  hasDockerEngine,
  mainOf,
  runIf,
  startDockerEngine,
  startProgram,
  type DockerEngine,
  type Program,
} from '@muster/testkit';
import { COMPARE_EVERY_MS, readFromEngine, fromMuster } from './comparable-containers.js';
import { Muster } from '../support/muster.js';

/** Options for a health check with a shell command, which succeeds while the container is healthy. */
const healthCheck = (command: string): string[] => [
  ...['--health-cmd', command, '--health-interval', '500ms'],
  ...['--health-timeout', '60s', '--health-retries', '1'],
];

runIf(hasDockerEngine(), describe)('with a real Docker engine, and the API and the agent as processes', () => {
  let dir: string;
  let engine: DockerEngine;
  let muster: Muster;
  let agent: Program | undefined;
  let agentEnv: Record<string, string>;

  /** Cleanup functions, in reverse order of creation. */
  const closers: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'muster-integration-'));
    closers.unshift(() => rm(dir, { recursive: true, force: true }));
    muster = new Muster(dir);
    closers.unshift(() => muster.stop());
    await muster.start();
    engine = await startDockerEngine();
    closers.unshift(() => engine.close());
    agentEnv = {
      ...{ MUSTER_URL: muster.url, MUSTER_ENROLL_TOKEN: await muster.enrollmentToken() },
      ...{ MUSTER_STATE_DIR: join(dir, 'agent'), DOCKER_HOST: engine.dockerHost },
    };
    process.stderr.write('with a real Docker engine, the built API on its embedded database, and the built agent\n');
  }, 300_000);

  afterAll(async () => {
    const agentCode = await agent?.stop();
    for (const close of closers) await close();
    expect([agentCode, agent?.stderr() ?? '']).toEqual([0, expect.not.stringContaining('bug in the agent')]);
  }, 300_000);

  /** Resolves when Muster's containers equal the engine's in every field. */
  const untilSame = (): Promise<void> =>
    eventually(
      async () => {
        const [said, real] = [fromMuster(await muster.containers()), await readFromEngine(engine)];
        expect(said).toEqual(real);
      },
      90_000,
      COMPARE_EVERY_MS,
    );

  const kinds = async (id: string): Promise<string[]> => (await muster.history(id)).map(({ kind }) => kind);

  test('--once enrolls the machine and reports all containers of the engine', async () => {
    const web = await engine.run('web', [
      ...['--label', 'com.example/team=żółć 🐳', '--label', '__proto__x=', '--label', 'empty='],
      ...['--publish', '127.0.0.1:18080:80', '--publish', '18443:443', '--publish', '18053:53/udp'],
      ...['--expose', '9000', '--env', 'PASSWORD=correct-horse-battery-staple'],
    ]);
    await engine.create('never-started');
    await engine.create('cannot-start', [], ['/no/such/command']);
    await expect(engine.docker('start', 'cannot-start')).rejects.toThrow('/no/such/command');
    await engine.run('done', [], ['true']);
    await engine.run('failed', [], ['sh', '-c', 'exit 3']);
    await engine.run('well', healthCheck('true'));
    await engine.run('ill', healthCheck('false'));
    await engine.run('paused');
    await engine.docker('pause', 'paused');

    const once = startProgram(mainOf('agent'), { args: ['--once'], env: agentEnv });
    expect([await once.ended, once.stdout()]).toEqual([0, '']);

    const shown = await engine.docker(
      'info',
      '--format',
      '{{.ID}} {{.Name}} {{.KernelVersion}} {{.Driver}} {{.CgroupVersion}}',
    );
    const { engineId, name, kernel, cpus, memoryBytes, engineFacts } = await muster.host();
    expect([engineId, name, kernel, engineFacts?.storageDriver, engineFacts?.cgroupVersion].join(' ')).toBe(shown);
    expect([cpus, memoryBytes]).toEqual([expect.any(Number), expect.any(Number)]);
    expect(engineFacts).toMatchObject({ rootless: false, swarmRole: null });
    const [said, real] = [fromMuster(await muster.containers()), await readFromEngine(engine)];
    const ids = (each: { dockerId: string; name: string }[]) => each.map(({ dockerId, name }) => [dockerId, name]);
    expect(ids(said)).toEqual(ids(real));
    expect(await muster.text(`${Paths.hosts}/${(await muster.host()).id}/containers/${web}`)).not.toContain(
      'correct-horse',
    );
  });

  test('a running agent reports ports, labels, health, exit codes and start times exactly', async () => {
    agent = startProgram(mainOf('agent'), { env: agentEnv });
    await eventually(async () => {
      const health = new Map((await muster.containers()).map(({ name, health: is }) => [name, is]));
      expect([health.get('well'), health.get('ill')]).toEqual(['healthy', 'unhealthy']);
    }, 60_000);
    await untilSame();
    const exits = new Map((await muster.containers('&state=exited')).map(({ name, exitCode }) => [name, exitCode]));
    expect(Object.fromEntries(exits)).toEqual({ done: 0, failed: 3 });
    expect(await muster.hosts()).toHaveLength(1);
  });

  test('every operation on a container changes its state and its history in Muster', async () => {
    const command = ['sh', '-c', 'trap "exit 5" TERM; while :; do sleep 0.1; done'];
    const id = await engine.create('life', [], command);
    await untilSame();
    await engine.docker('start', id);
    await untilSame();
    await engine.docker('pause', id);
    await untilSame();
    await engine.docker('unpause', id);
    await untilSame();
    await engine.docker('rename', id, 'life-after');
    await untilSame();
    const before = (await muster.containers('&q=life-after'))[0]!.startedAt!;
    await engine.docker('restart', '-t', '60', id);
    await untilSame();
    expect((await muster.containers('&q=life-after'))[0]!.startedAt! > before).toBe(true);
    await engine.docker('stop', '-t', '60', id);
    await untilSame();
    expect((await muster.containers('&q=life-after'))[0]).toMatchObject({ state: 'exited', exitCode: 5 });
    await engine.docker('start', id);
    await untilSame();
    await engine.docker('kill', id);
    await untilSame();
    expect((await muster.containers('&q=life-after'))[0]).toMatchObject({ state: 'exited', exitCode: 137 });
    await engine.remove(id);
    await untilSame();
    const [gone] = await muster.containers('&q=life-after&presence=removed');
    expect(gone).toMatchObject({ dockerId: id, state: 'exited', removedAt: expect.any(String) });
    // The agent combines changes within one second in one snapshot, so Muster may record a restart as one or two
    // events.
    const recordedKinds = await kinds(id);
    for (const kind of ['created', 'started', 'paused', 'unpaused', 'renamed', 'exited', 'removed'])
      expect(recordedKinds).toContain(kind);
    expect([recordedKinds[0], recordedKinds.at(-1)]).toEqual(['created', 'removed']);
  });

  test('a moved tag does not rename a container’s image or create an event', async () => {
    await engine.docker('commit', 'never-started', 'demo:1');
    const id = await engine.docker(
      'run',
      '--detach',
      '--name',
      'demo',
      '--expose',
      '2000-2999',
      'demo:1',
      'sleep',
      '1d',
    );
    await untilSame();
    expect((await muster.containers('&q=demo'))[0]!.ports).toEqual([{ privatePort: 2_000, type: 'tcp', count: 1_000 }]);
    await engine.docker('commit', '--change', 'LABEL build=2', 'never-started', 'demo:1');
    const [listed] = await engine.get<{ Image: string }[]>('/containers/json?filters={"name":["demo"]}');
    expect(listed!.Image).toMatch(/^sha256:/);
    // A start makes the agent list and inspect the containers again.
    await engine.docker('restart', '-t', '0', id);
    await untilSame();
    expect((await muster.containers('&q=demo'))[0]!.image).toBe('demo:1');
    expect(await kinds(id)).not.toContain('image_changed');
    await engine.remove(id);
  });

  test('a change of health is reported', async () => {
    const id = await engine.run('turning', healthCheck('test ! -e /tmp/bad'));
    const health = (value: string) =>
      eventually(
        async () => expect((await muster.containers('&q=turning'))[0]).toMatchObject({ health: value }),
        60_000,
      );
    await health('healthy');
    await engine.docker('exec', id, 'touch', '/tmp/bad');
    await health('unhealthy');
    expect((await kinds(id)).filter((kind) => kind === 'health_changed').length).toBeGreaterThanOrEqual(1);
    await engine.remove(id);
    await untilSame();
  });

  test('a container in a crash loop is reported as restarting', async () => {
    const id = await engine.run('crashing', ['--restart', 'always'], ['sh', '-c', 'sleep 0.3; exit 7']);
    await eventually(async () => {
      const [seen] = await muster.containers('&q=crashing');
      expect(seen).toMatchObject({ state: 'restarting', exitCode: 7 });
    }, 90_000);
    await engine.remove(id);
    await untilSame();
    expect((await kinds(id)).at(-1)).toBe('removed');
  });

  test('a container and its successor with the same name are two containers', async () => {
    const old = await engine.run('service', ['--label', 'version=1']);
    await untilSame();
    await engine.remove(old);
    const fresh = await engine.run('service', ['--label', 'version=2']);
    await untilSame();
    const all = await muster.containers('&q=service&presence=all');
    expect(new Map(all.map(({ dockerId, removedAt }) => [dockerId, removedAt !== null]))).toEqual(
      new Map([
        [old, true],
        [fresh, false],
      ]),
    );
  });

  test('when the engine stops, the host is engine_down and keeps its containers', async () => {
    await untilSame();
    const present = (await muster.containers()).map(({ dockerId }) => dockerId);
    await engine.stop();
    await eventually(async () => {
      const { freshness, engineError } = await muster.host();
      expect({ freshness, engineError }).toEqual({
        freshness: 'engine_down',
        engineError: expect.stringMatching(/engine/),
      });
    }, 60_000);
    // The wait is long enough for every kind of report.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const after = await muster.containers();
    expect(after.map(({ dockerId }) => dockerId)).toEqual(present);
    // If the machine is so busy that three heartbeats are late, the host is stale for a moment.
    await eventually(async () => {
      const later = await muster.containers();
      expect(later.map(({ dockerId }) => dockerId)).toEqual(present);
      expect(new Set(later.map(({ hostFreshness }) => hostFreshness))).toEqual(new Set(['engine_down']));
    }, 60_000);

    await engine.restart();
    await untilSame();
    await eventually(async () => expect((await muster.host()).freshness).toBe('online'), 60_000);
    expect(await muster.hosts()).toHaveLength(1);
  });

  test('a frozen engine is detected, and the containers are correct again after the engine resumes', async () => {
    engine.freeze();
    try {
      await eventually(async () => expect((await muster.host()).freshness).toBe('engine_down'), 60_000);
    } finally {
      engine.unfreeze();
    }
    await engine.run('after-the-thaw');
    await untilSame();
    await eventually(async () => expect((await muster.host()).freshness).toBe('online'), 60_000);
  });

  test('changes while the API is down are reported after the API restarts', async () => {
    await muster.stop();
    await engine.run('meanwhile');
    await engine.remove('done');
    await muster.start();
    await untilSame();
  });

  test('a killed agent continues as the same host', async () => {
    await agent!.stop('SIGKILL');
    await engine.run('unseen');
    agent = startProgram(mainOf('agent'), { env: agentEnv });
    await untilSame();
    expect(await muster.hosts()).toHaveLength(1);
  });
});
