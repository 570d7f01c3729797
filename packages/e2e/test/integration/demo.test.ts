import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ContainerEvent, ContainerView, Host, page } from '@muster/contracts';
import { eventually, mainOf, startProgram, type Program } from '@muster/testkit';

const run = promisify(execFile);

let dir: string;
let demo: Program;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'muster-demo-test-'));
});
afterEach(async () => {
  await demo.stop();
  await rm(dir, { recursive: true, force: true });
});

/** Starts the demo. Resolves with the three `curl` commands that it prints. */
async function startDemo(): Promise<string[]> {
  // Its own temporary directory shows leftover files. The demo must not use this machine's engine.
  demo = startProgram(mainOf('demo'), {
    args: ['--for', '300'],
    env: { TMPDIR: dir, DOCKER_HOST: `unix://${dir}/none.sock` },
  });
  return eventually(() => {
    const lines = demo
      .stdout()
      .split('\n')
      .filter((line) => line.includes('curl '));
    if (lines.length === 3 && demo.stdout().includes('ends automatically')) return lines;
    throw new Error(`the demo is not up:\n${demo.stdout()}${demo.stderr()}`);
  }, 100_000);
}

/** Returns the demo and its child processes, identified by the directory in their environment. */
async function processes(): Promise<{ pid: number; commandLine: string }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const read = (file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
      const [environment, commandLine] = await Promise.all([read('environ'), read('cmdline')]);
      return environment.includes(`TMPDIR=${dir}\0`) ? [{ pid: Number(pid), commandLine }] : [];
    }),
  );
  return found.flat();
}

test('the commands that the demo prints show its fleet, and it leaves no process or file behind', async () => {
  const lines = await startDemo();
  const [hosts, containers, events] = await Promise.all(
    lines.map(async (line) => JSON.parse((await run('sh', ['-c', line])).stdout) as unknown),
  );
  const fleet = page(Host).parse(hosts).items;
  expect(fleet.length).toBeGreaterThanOrEqual(4);
  expect(new Set(fleet.map(({ freshness }) => freshness))).toEqual(new Set(['online']));
  expect(new Set(fleet.map(({ engine }) => engine.name))).toEqual(new Set(['Docker', 'Podman']));
  expect(page(ContainerView).parse(containers).items).toHaveLength(20);
  expect(page(ContainerEvent).parse(events).items).toHaveLength(20);

  // The demo simulates changes: containers stop, crash and are replaced.
  await eventually(async () => {
    const { items } = page(ContainerEvent).parse(JSON.parse((await run('sh', ['-c', lines[2]!])).stdout));
    expect(items.map(({ kind }) => kind)).toContain('exited');
  }, 90_000);

  expect((await processes()).length).toBe(1 + 1 + fleet.length);
  expect(await demo.stop('SIGHUP')).toBe(0);
  expect(await processes()).toEqual([]);
  expect(await readdir(dir)).toEqual([]);
});

test('a child process that fails ends the demo, which reports it and leaves no process or file behind', async () => {
  await startDemo();
  const api = (await processes()).find(({ commandLine }) => commandLine.includes('apps/api'))!;
  process.kill(api.pid, 'SIGKILL');
  expect(await demo.ended).toBe(1);
  expect(demo.stderr()).toMatch(/^muster-demo: the API ended by SIGKILL/);
  expect(await processes()).toEqual([]);
  expect(await readdir(dir)).toEqual([]);
});
