/**
 * Tests workloads on a real engine: containers that both versions of Compose recreate, and a Swarm service whose tasks
 * fail.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mergeReplacements } from '@muster/contracts/replacements';
import {
  eventually,
  hasDockerEngine,
  isAvailable,
  mainOf,
  runIf,
  startDockerEngine,
  startProgram,
  type DockerEngine,
  type Program,
} from '@muster/testkit';
import { findComposeVersions } from '../support/compose-versions.js';
import { Muster } from '../support/muster.js';

const run = promisify(execFile);

const dir = await mkdtemp(join(tmpdir(), 'muster-workloads-'));
const versions = await findComposeVersions(dir);
const missing = (['v1', 'v2'] as const).filter((version) => versions[version] === null);
const hasCompose = isAvailable(
  missing.length === 0
    ? null
    : `Compose ${missing.join(' and ')} is missing: apt-get install docker-compose (v1, Debian 12), and Docker’s plugin compose or Debian’s mirror (v2)`,
);

afterAll(() => rm(dir, { recursive: true, force: true }));

runIf(hasDockerEngine(), describe)('on a real Docker engine', () => {
  let engine: DockerEngine;
  let muster: Muster;
  let agent: Program;

  beforeAll(async () => {
    muster = new Muster(dir);
    await muster.start();
    engine = await startDockerEngine();
    const enrollToken = await muster.enrollmentToken();
    const env = { MUSTER_URL: muster.url, MUSTER_ENROLL_TOKEN: enrollToken, MUSTER_STATE_DIR: join(dir, 'agent') };
    agent = startProgram(mainOf('agent'), { env: { ...env, DOCKER_HOST: engine.dockerHost } });
    await eventually(async () => expect(await muster.hosts()).toHaveLength(1));
  }, 300_000);

  afterAll(async () => {
    await agent.stop();
    await engine.close();
    await muster.stop();
  }, 300_000);

  /** Returns the present containers of a service. */
  const containersOf = (project: string, service: string) =>
    muster.containers(`&project=${project}&service=${service}`);

  /** Returns the history of a service as the dashboard shows it, newest first: a recreation is one row. */
  async function historyOf(project: string, service: string): Promise<string[]> {
    const { items } = await muster.client.call('listEvents', { query: { project, service, limit: 200 } });
    return mergeReplacements(items).map(({ event, replacement }) =>
      replacement === null ? event.kind : `replaced: ${replacement.imageBefore} → ${replacement.imageAfter}`,
    );
  }

  runIf(hasCompose, test).each(['v1', 'v2'] as const)(
    'a recreation by Compose %s is one entry in the history, and the service keeps its identity',
    async (version) => {
      const project = `shop-${version}`;
      const file = join(dir, `${project}.yml`);
      const up = async (image: string) => {
        const web = { image, command: ['sleep', '1d'], network_mode: 'none', stop_grace_period: '0s' };
        await writeFile(file, JSON.stringify({ version: '3', services: { web } }));
        const env = { PATH: process.env['PATH'], HOME: dir, DOCKER_CONFIG: dir, DOCKER_HOST: engine.dockerHost };
        await run(versions[version]!, ['-p', project, '-f', file, 'up', '-d'], { env });
      };
      await engine.docker('tag', 'test/bb:1', 'test/bb:2');
      await up('test/bb:1');
      const workload = { kind: 'compose', project, service: 'web', instance: '1' };
      const before = await eventually(async () => {
        const containers = await containersOf(project, 'web');
        expect(containers).toMatchObject([{ workload, state: 'running', image: 'test/bb:1' }]);
        return containers[0]!;
      });

      await up('test/bb:2');
      await eventually(async () => {
        const containers = await containersOf(project, 'web');
        expect(containers).toMatchObject([{ workload, state: 'running', image: 'test/bb:2' }]);
        expect(containers[0]).toMatchObject({ name: before.name });
        expect(containers[0]!.dockerId).not.toBe(before.dockerId);
      });
      const history = await historyOf(project, 'web');
      expect(history[0]).toBe('replaced: test/bb:1 → test/bb:2');
      expect(history.filter((row) => row.startsWith('replaced'))).toHaveLength(1);
      expect(history.filter((row) => ['exited', 'removed', 'renamed'].includes(row))).toEqual([]);
      process.stderr.write(`Compose ${version}: ${before.name}: ${history.join(', ')}\n`);
    },
    120_000,
  );

  test('the failing tasks of a Swarm service are one crash loop', async () => {
    await engine.docker('swarm', 'init', '--advertise-addr', '127.0.0.1', '--listen-addr', '127.0.0.1:2377');
    const stack = [
      '--label',
      'com.docker.stack.namespace=shop',
      '--container-label',
      'com.docker.stack.namespace=shop',
    ];
    const options = ['--detach', '--no-resolve-image', '--network', 'host', '--restart-delay', '1s', ...stack];
    await engine.docker('service', 'create', '--name', 'shop_web', ...options, 'test/bb:1', 'sh', '-c', 'exit 3');

    const names = await eventually(async () => {
      const { containers } = await muster.client.call('getAttention');
      const loops = containers.problems.filter(({ kind }) => kind === 'crash_loop');
      expect(loops).toMatchObject([{ total: 1, totalIsExact: true }]);
      const { items } = await muster.client.call('listEvents', { query: { project: 'shop', service: 'web' } });
      const exits = items.filter(({ exitReason }) => exitReason === 'crashed');
      const tasks = new Set(exits.map(({ name }) => name));
      expect(tasks.size).toBeGreaterThanOrEqual(5);
      return [...tasks];
    }, 180_000);
    for (const name of names) expect(name).toMatch(/^shop_web\.1\.[a-z0-9]{25}$/);

    const tasks = await muster.containers('&project=shop&presence=all');
    const workload = { kind: 'swarm', project: 'shop', service: 'web', instance: '1' };
    for (const task of tasks) expect(task).toMatchObject({ workload });
    const { items: projects } = await muster.client.call('listProjects');
    expect(projects.map(({ project }) => project)).toContain('shop');
    process.stderr.write(`Swarm: ${names.length} crashed tasks of shop_web.1: one crash loop of ${workload.project}\n`);
    await engine.docker('service', 'rm', 'shop_web');
    await engine.docker('swarm', 'leave', '--force');
  }, 300_000);
});
