/**
 * Starts Muster as `pnpm start` does after its build, in a directory like a clean clone: it contains the built packages
 * and the agent's sources, but no agent release. `.ci/first-steps` runs the whole command in a real clone.
 */
import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { AgentRelease } from '@muster/contracts';
import { eventually, newToken, startCommand, type Program } from '@muster/testkit';
import { startReplayedEngine } from '@muster/testkit/engine-replay';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const KEY = newToken();

let clone: string;
let muster: Program | undefined;
let url: string;

/** Creates the clone from links. Only the agent's files are copied, because the release is built next to them. */
async function createClone(): Promise<void> {
  await mkdir(join(clone, 'apps'));
  for (const name of await readdir(ROOT)) {
    if (!['.git', '.muster', '.turbo', 'apps'].includes(name)) await symlink(join(ROOT, name), join(clone, name));
  }
  for (const name of await readdir(join(ROOT, 'apps'))) {
    if (name !== 'agent') await symlink(join(ROOT, 'apps', name), join(clone, 'apps', name));
  }
  await cp(join(ROOT, 'apps/agent'), join(clone, 'apps/agent'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !/^(release(\.part-.*)?|dist|test|\.turbo)$/.test(basename(path)),
  });
}

/** Runs the second half of the `start` script, whose first half builds the server. */
async function start(): Promise<void> {
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } };
  const command = scripts.start.split(' >&2 && ')[1]!;
  muster = startCommand(['sh', '-c', `cd '${clone}' && ${command}`], {
    env: { PORT: '0', MUSTER_DATA_DIR: join(clone, 'data'), MUSTER_ADMIN_KEY: KEY, MUSTER_DRAIN_SECONDS: '0' },
  });
  await eventually(async () => {
    url = /^Muster is listening on (\S+?)\.?$/m.exec(muster!.stdout())![1]!;
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  }, 120_000);
}

const describeRelease = async (): Promise<AgentRelease> => {
  const response = await fetch(`${url}/api/agent-release`, { headers: { authorization: `Bearer ${KEY}` } });
  return AgentRelease.parse(await response.json());
};

beforeAll(async () => {
  clone = await mkdtemp(join(tmpdir(), 'muster-first-start-'));
  await createClone();
});
afterAll(async () => {
  await muster?.stop('SIGTERM', 60_000);
  await rm(clone, { recursive: true });
});

test('the first start prepares the agent’s installer in the background, and the second start reuses the installer', async () => {
  const agentDirectory = join(clone, 'apps/agent');
  await start();
  expect(await describeRelease()).toMatchObject({ state: 'preparing', version: null });
  expect((await fetch(`${url}/install.sh`)).status).toBe(404);
  await eventually(async () => expect((await readdir(agentDirectory)).join()).toContain('release.part-'), 150_000);
  await muster!.stop('SIGINT', 60_000);
  expect(await readdir(agentDirectory)).not.toContain('release');

  await start();
  const script = await eventually(async () => {
    expect((await describeRelease()).state).toBe('ready');
    return (await fetch(`${url}/install.sh`)).text();
  }, 400_000);
  const own = { executables: [process.arch], images: [process.arch] };
  expect(await describeRelease()).toMatchObject({ ...own, publicUrl: null });
  expect((await readdir(agentDirectory)).filter((name) => name.startsWith('release'))).toEqual(['release']);

  const socketPath = join(clone, 'engine.sock');
  const engine = await startReplayedEngine({ capturedEngine: 'docker-28.5', listen: { socketPath }, seed: 1 });
  const body = JSON.stringify({ name: 'first' });
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };
  const { token } = (await (await fetch(`${url}/api/enrollment-tokens`, { method: 'POST', headers, body })).json()) as {
    token: string;
  };
  const root = join(clone, 'machine');
  const install = startCommand(['sh', '-s', '--', '--root', root, '--url', url, '--token', token], {
    env: { DOCKER_HOST: `unix://${socketPath}` },
    input: script,
  });
  expect([await install.ended, install.stderr()]).toEqual([0, '']);
  await engine.close();
  const { items } = (await (await fetch(`${url}/api/hosts`, { headers })).json()) as {
    items: { freshness: string; containerCount: number }[];
  };
  expect(items).toMatchObject([{ freshness: 'online', containerCount: 24 }]);

  const release = join(agentDirectory, 'release');
  const checksums = execFileSync('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], { cwd: release }).toString();
  expect(checksums).toBe('');
  const builtAt = (await stat(join(release, 'SHA256SUMS'))).mtimeMs;
  await muster!.stop('SIGINT', 60_000);
  await start();
  expect(await describeRelease()).toMatchObject({ state: 'ready' });
  await eventually(() => expect(muster!.stderr()).toContain('the agent release is up to date'), 150_000);
  expect((await stat(join(release, 'SHA256SUMS'))).mtimeMs).toBe(builtAt);
}, 900_000);
