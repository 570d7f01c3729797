import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '@muster/testkit';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createAgentReleaseService, startReleaseBuild } from '../src/services/agent-release/index.js';

describe('the build of the agent release in the background', () => {
  let dir: string;
  let lines: { level: number; msg: string; output?: string }[];
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line) as never) });
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'muster-release-build-'));
    lines = [];
  });
  afterEach(() => rm(dir, { recursive: true }));

  const start = (command: string, environment: Record<string, string> = {}, buildMsMax?: number) =>
    startReleaseBuild(command, { PATH: process.env['PATH'], DIR: dir, ...environment }, logger, buildMsMax);
  const createService = (buildState: ReturnType<typeof start>['state']) =>
    createAgentReleaseService(join(dir, 'release'), { publicUrl: null, localUrl: 'http://127.0.0.1:3000', buildState });

  test('is shown as preparing, then as the release with its version and architectures', async () => {
    const build = start(
      'until [ -e "$DIR/go" ]; do sleep 0.1; done; mkdir "$DIR/release"; cp "$DIR"/sbom* "$DIR"/SHA* "$DIR"/install.sh "$DIR/release"',
    );
    const service = createService(() => build.state());
    expect(await service.describe()).toMatchObject({ state: 'preparing', version: null, executables: [] });
    await writeFile(join(dir, 'install.sh'), '#!/bin/sh\n');
    await writeFile(join(dir, 'sbom.cdx.json'), '{"metadata":{"component":{"version":"1.2.3"}}}');
    const names = ['muster-agent-linux-x64', 'muster-agent-linux-arm64', 'muster-agent-image-linux-x64.tar'];
    await writeFile(join(dir, 'SHA256SUMS'), names.map((name) => `00  ${name}\n`).join(''));
    await writeFile(join(dir, 'go'), '\n');
    await eventually(() => expect(build.state()).toBeNull());
    expect(await service.describe()).toEqual({
      state: 'ready',
      version: '1.2.3',
      executables: ['x64', 'arm64'],
      images: ['x64'],
      publicUrl: null,
    });
  });

  test('that fails is shown as failed, and its messages are logged in one line', async () => {
    const build = start('echo "no space left" >&2; exit 3');
    await eventually(() => expect(build.state()).toBe('failed'));
    expect(lines).toEqual([expect.objectContaining({ level: 50, exitCode: 3, output: 'no space left\n' })]);
    expect(await createService(() => build.state()).describe()).toMatchObject({ state: 'failed', version: null });
  });

  test('has the lowest priority, is killed first if memory is short, and receives no secrets', async () => {
    const names = ['MUSTER_ADMIN_KEY', 'DATABASE_URL', 'DATABASE_URL_FILE', 'PGPASSWORD', 'PGPASSFILE', 'PGSSLKEY'];
    const secrets = Object.fromEntries(names.map((name) => [name, 'secret']));
    // The file of the memory score is written after the start.
    const command =
      'until [ "$(cat /proc/self/oom_score_adj)" = 1000 ]; do sleep 0.1; done; nice >"$DIR/nice"; env >"$DIR/env"';
    const build = start(command, secrets);
    await eventually(() => expect(build.state()).toBeNull());
    expect((await readFile(join(dir, 'nice'), 'utf8')).trim()).toBe('19');
    expect(await readFile(join(dir, 'env'), 'utf8')).not.toContain('secret');
  });

  /** Returns the process that a build has recorded in the file `pid`. */
  const recordedPid = () =>
    eventually(async () => {
      const text = await readFile(join(dir, 'pid'), 'utf8');
      expect(text).toMatch(/^\d+\n$/);
      return Number(text);
    });

  /** Resolves when a process has ended. The process may be listed until its parent has read the exit code. */
  const ended = (pid: number) =>
    eventually(async () => expect(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') Z')).toMatch(/\) Z/));

  test('ends with all its processes when it is stopped, and logs nothing', async () => {
    const build = start('sleep 60 & echo $! >"$DIR/pid"; wait');
    const pid = await recordedPid();
    build.stop();
    await ended(pid);
    expect(lines).toEqual([]);
  });

  test('is killed with all its processes if it takes too long, even if it ignores SIGTERM, and then counts as failed', async () => {
    const build = start(`trap '' TERM; sleep 60 & echo $! >"$DIR/pid"; echo "no answer" >&2; wait`, {}, 1_000);
    const pid = await recordedPid();
    expect(build.state()).toBe('preparing');
    await ended(pid);
    expect(build.state()).toBe('failed');
    expect(lines).toEqual([expect.objectContaining({ level: 50, buildMsMax: 1_000, output: 'no answer\n' })]);
  });
});
