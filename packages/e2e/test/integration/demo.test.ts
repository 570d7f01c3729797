import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ContainerEvent, ContainerView, Host, page } from '@muster/contracts';
import { eventually, mainOf, startProgram, type Program } from '@muster/testkit';

const run = promisify(execFile);

/** A running demo with its temporary directory and the three `curl` commands that it printed. */
interface Demo {
  dir: string;
  program: Program;
  lines: string[];
}

// Both demos start at the same time, so that the second demo starts while the first test waits for events.
let demos: Demo[];
beforeAll(async () => {
  demos = await Promise.all([startDemo(), startDemo()]);
});
afterAll(async () => {
  for (const { dir, program } of started) {
    await program.stop();
    await rm(dir, { recursive: true, force: true });
  }
});

const started: Omit<Demo, 'lines'>[] = [];

/** Starts a demo and waits until it is ready. */
async function startDemo(): Promise<Demo> {
  const dir = await mkdtemp(join(tmpdir(), 'muster-demo-test-'));
  // With its own temporary directory, the test can check which files the demo leaves behind. The demo must not use this
  // machine's engine.
  const program = startProgram(mainOf('demo'), {
    args: ['--for', '300'],
    env: { TMPDIR: dir, DOCKER_HOST: `unix://${dir}/none.sock` },
  });
  started.push({ dir, program });
  const lines = await eventually(() => {
    const commands = program
      .stdout()
      .split('\n')
      .filter((line) => line.includes('curl '));
    if (commands.length === 3 && program.stdout().includes('stops automatically')) return commands;
    throw new Error(`the demo is not up:\n${program.stdout()}${program.stderr()}`);
  }, 150_000);
  return { dir, program, lines };
}

/** Returns the demo and its child processes, identified by the directory in their environment. */
async function processesOf({ dir }: Demo): Promise<{ pid: number; commandLine: string }[]> {
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

test('the demo prints commands that show its fleet, and leaves no process or file behind', async () => {
  const demo = demos[0]!;
  const { lines } = demo;
  const call = async (line: string) => JSON.parse((await run('sh', ['-c', line])).stdout) as unknown;
  const [containers, events] = await Promise.all(lines.slice(1).map(call));
  // On a busy machine, a host is stale while three heartbeats are late.
  const fleet = await eventually(async () => {
    const { items } = page(Host).parse(await call(lines[0]!));
    expect(items.length).toBeGreaterThanOrEqual(4);
    expect(new Set(items.map(({ freshness }) => freshness))).toEqual(new Set(['online']));
    return items;
  });
  expect(new Set(fleet.map(({ engine }) => engine.name))).toEqual(new Set(['Docker', 'Podman']));
  expect(page(ContainerView).parse(containers).items).toHaveLength(20);
  expect(page(ContainerEvent).parse(events).items).toHaveLength(20);

  // The demo simulates changes: containers stop, crash and are replaced.
  await eventually(async () => {
    const { items } = page(ContainerEvent).parse(JSON.parse((await run('sh', ['-c', lines[2]!])).stdout));
    expect(items.map(({ kind }) => kind)).toContain('exited');
  }, 150_000);

  expect((await processesOf(demo)).length).toBe(1 + 1 + fleet.length);
  expect(await demo.program.stop('SIGHUP')).toBe(0);
  expect(await processesOf(demo)).toEqual([]);
  expect(await readdir(demo.dir)).toEqual([]);
});

test('the demo reports the failure of a child process, and leaves no process or file behind', async () => {
  const demo = demos[1]!;
  const api = (await processesOf(demo)).find(({ commandLine }) => commandLine.includes('apps/api'))!;
  process.kill(api.pid, 'SIGKILL');
  expect(await demo.program.ended).toBe(1);
  expect(demo.program.stderr()).toMatch(/^muster-demo: the API ended by SIGKILL/);
  expect(await processesOf(demo)).toEqual([]);
  expect(await readdir(demo.dir)).toEqual([]);
});
