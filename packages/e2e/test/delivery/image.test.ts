import { createHash } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient } from '@muster/client';
import { createEmptyServerDatabase, hasTestServer } from '@muster/db/testing';
import { NODE_VERSION } from '@muster/image/node-executable';
import {
  eventually,
  findChromium,
  hasDockerEngine,
  runIf,
  startCommand,
  startDockerEngine,
  type DockerEngine,
} from '@muster/testkit';
import { BASE_IMAGE, hasDebootstrap, importBaseImage } from '../support/base-image.js';
import { openChromium, openPage, OWNER } from '../support/browser.js';
import { startRelay, type Relay } from '../support/engine-network.js';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
/** CI keeps this screenshot, and git ignores it. */
const PICTURE = fileURLToPath(new URL('../../pictures/image.png', import.meta.url));
const IMAGE = 'muster:test';
/** The user and group of the image. */
const USER = 65_532;
/** The address of the machine in the network of the engine's containers. */
const GATEWAY = '172.31.230.1';

/** Runs a command, and returns its output. */
async function run(command: string[], env: Record<string, string> = {}): Promise<string> {
  const program = startCommand(command, { env });
  if ((await program.ended) !== 0) throw new Error(`${command.join(' ')}: ${program.stdout()}${program.stderr()}`);
  return program.stdout();
}

/**
 * The image is built once, with the command in docs/deploy.md, from a clone of HEAD. The clone shares turbo's cache
 * with this checkout. The cache cannot hide a change, because it identifies each entry by a hash of its sources.
 */
describeImage('the image of the server', () => {
  let engine: DockerEngine;
  let directory: string;
  let url: string;
  let forwarded: Relay | undefined;
  let docker: DockerEngine['docker'];
  const closers: (() => Promise<unknown>)[] = [() => rm(directory, { recursive: true, force: true })];

  /** Starts a server in a container that can write only to its volume and to /tmp, and waits until it is healthy. */
  async function startServer(name: string, ...options: string[]): Promise<void> {
    const limits = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
    const settings = { MUSTER_PUBLIC_URL: url, MUSTER_HEARTBEAT_SECONDS: '1', MUSTER_DRAIN_SECONDS: '4' };
    const env = Object.entries(settings).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
    // The image's own interval is longer, so the test would have to wait.
    const interval = ['--health-interval', '1s'];
    await docker('run', '--detach', '--name', name, ...limits, ...interval, ...env, ...options, IMAGE);
    await eventually(
      async () => {
        const [status, health] = (
          await docker('inspect', '--format', '{{.State.Status}} {{.State.Health.Status}}', name)
        ).split(' ');
        if (status !== 'running') throw new Error(await docker('logs', name));
        expect(health).toBe('healthy');
      },
      180_000,
      500,
    );
    await forwarded?.close();
    await rm(join(directory, 'published'), { force: true });
    const address = await docker('inspect', '--format', '{{.NetworkSettings.IPAddress}}', name);
    forwarded = await startRelay(join(directory, 'published'), `${address}:3000`, engine);
  }

  /** Reads the admin key that the first start wrote to the volume. */
  const adminKey = (name: string) => docker('exec', name, 'cat', '/var/lib/muster/admin-key');

  const runningContainers = async (key: string) =>
    (await createClient({ url, key }).call('listContainers', { query: { state: 'running' } })).items
      .map(({ name }) => name)
      .sort();

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-image-test-'));
    engine = await startDockerEngine();
    closers.unshift(() => engine.close());
    ({ docker } = engine);
    const base = await importBaseImage(engine);
    const clone = join(directory, 'clone');
    await run(['git', 'clone', '--quiet', ROOT, clone]);
    const env = {
      DOCKER_HOST: engine.dockerHost,
      DOCKER_CONFIG: directory,
      TURBO_CACHE_DIR: join(ROOT, '.turbo/cache'),
    };
    const build = `cd "$0" && npx -y pnpm@12.21.0 image --base ${base} --tag ${IMAGE}`;
    expect(await run(['sh', '-c', build, clone], env)).toMatch(/^muster:test: \d+ MB$/m);
    const published = await startRelay('127.0.0.1:0', join(directory, 'published'));
    closers.unshift(() => published.close());
    url = `http://127.0.0.1:${published.port}`;
    await startServer('server', '--volume', 'data:/var/lib/muster');
  }, 900_000);

  afterAll(async () => {
    await forwarded?.close();
    for (const close of closers) await close();
  });

  test('runs as a user other than root, who can write only to the volume and to temporary directories', async () => {
    expect(await docker('exec', 'server', 'id')).toBe(`uid=${USER}(muster) gid=${USER}(muster) groups=${USER}(muster)`);
    const writable = ['find', '/', '-xdev', '(', '-type', 'f', '-o', '-type', 'd', ')', '-writable'];
    // Without `--read-only`, only the modes of the files decide.
    const found = await docker(
      'run',
      '--rm',
      IMAGE,
      'sh',
      '-c',
      `${writable.map((part) => `'${part}'`).join(' ')} 2>/dev/null || true`,
    );
    expect(found.split('\n').sort()).toEqual(['/run/lock', '/tmp', '/var/lib/muster', '/var/tmp']);
    expect(await docker('exec', 'server', 'stat', '--format', '%u:%g %a', '/var/lib/muster')).toBe(
      `${USER}:${USER} 700`,
    );
    await expect(docker('exec', 'server', 'touch', '/muster/file')).rejects.toThrow('Read-only file system');
  });

  test('contains no sources, tests, development tools or paths of the checkout', async () => {
    const files = (await docker('run', '--rm', IMAGE, 'find', '/muster')).split('\n');
    expect(files).toContain('/muster/node_modules/@muster/api/dist/main.js');
    expect(files.some((path) => path.includes('/@muster/db/prisma/migrations/'))).toBe(true);
    expect(files.some((path) => path.endsWith('/@muster/web/dist/index.html'))).toBe(true);
    const unwanted = /\.[cm]?tsx?$|\/@muster\/\w+\/(src|test|scripts)\/|\/tests?\/|\/\.|\.pem$|\/tsconfig|\/pnpm/;
    expect(files.filter((path) => unwanted.test(path))).toEqual([]);
    const tools = /\/node_modules\/(typescript|turbo|jest|prisma|eslint|vite|react|esbuild|tsx)(\/|$)/;
    expect(files.filter((path) => tools.test(path))).toEqual([]);
    // No link or file refers to a path of the machine that built the image.
    const grep = `grep -rIl --exclude-dir=agent-release -e '${ROOT.replace(/\/$/, '')}' -e '${directory}' /muster || true`;
    expect(await docker('run', '--rm', IMAGE, 'sh', '-c', grep)).toBe('');
  });

  test('serves an agent that reports the containers of the server’s engine', async () => {
    await engine.run('web', ['--label', 'team=shop']);
    const script = await (await fetch(`${url}/install.sh`)).text();
    expect(script).toContain(url);
    const name = `muster-agent-linux-${process.arch}`;
    const executable = Buffer.from(await (await fetch(`${url}/agent-release/${name}`)).arrayBuffer());
    const sums = await (await fetch(`${url}/agent-release/SHA256SUMS`)).text();
    expect(sums).toContain(`${createHash('sha256').update(executable).digest('hex')}  ${name}\n`);
    const path = join(directory, name);
    await writeFile(path, executable);
    await chmod(path, 0o755);
    const key = await adminKey('server');
    const { token } = await createClient({ url, key }).call('createEnrollmentToken', { body: { name: 'this engine' } });
    const agent = startCommand([path, 'run'], {
      env: {
        MUSTER_URL: url,
        MUSTER_ENROLL_TOKEN: token,
        MUSTER_STATE_DIR: join(directory, 'agent'),
        DOCKER_HOST: engine.dockerHost,
      },
    });
    closers.unshift(() => agent.stop());
    await eventually(async () => expect(await runningContainers(key)).toEqual(['server', 'web']), 90_000);
  });

  runIf(findChromium() !== null, test)(
    'serves the dashboard, which shows a container of the server’s engine',
    async () => {
      const client = createClient({ url, key: await adminKey('server') });
      const { items } = await client.call('listHosts');
      // The picture does not show the name of this machine.
      await client.call('updateHost', { params: { hostId: items[0]!.id }, body: { name: 'docker-1' } });
      const setupLink = await docker('exec', 'server', 'cat', '/var/lib/muster/setup-link');
      const browser = await openChromium();
      try {
        const context = await browser.newContext({ viewport: { width: 1280, height: 560 }, colorScheme: 'light' });
        const { page, errors } = await openPage(context);
        const data = { ...OWNER, token: new URL(setupLink).hash.replace('#token=', '') };
        expect((await context.request.post(`${url}/api/setup`, { headers: { Origin: url }, data })).status()).toBe(201);
        await page.goto(`${url}/containers`);
        await page.getByRole('link', { name: 'web', exact: true }).waitFor({ timeout: 30_000 });
        await page.screenshot({ path: PICTURE });
        expect(errors.list).toEqual([]);
      } finally {
        await browser.close();
      }
    },
  );

  test('has the muster command, which uses the server in the same container', async () => {
    const { version } = JSON.parse(await run(['cat', join(ROOT, 'apps/cli/package.json')])) as { version: string };
    expect(await docker('exec', 'server', 'muster', '--version')).toBe(version);
    const hosts = JSON.parse(await docker('exec', 'server', 'muster', 'hosts', '-o', 'json')) as unknown;
    expect(JSON.stringify(hosts)).toContain('"containerCount":2');
  });

  test('completes requests on docker stop, and keeps its data in a volume that can be backed up', async () => {
    const key = await adminKey('server');
    const before = performance.now();
    const stopped = docker('stop', 'server');
    // A draining server still answers, but is not ready.
    await eventually(async () => expect((await fetch(`${url}/readyz`)).status).toBe(503), 10_000, 50);
    expect(await runningContainers(key)).toEqual(['server', 'web']);
    await stopped;
    expect(await docker('inspect', '--format', '{{.State.ExitCode}}', 'server')).toBe('0');
    // Docker kills a container after 10 seconds.
    expect(performance.now() - before).toBeLessThan(9_000);
    await docker('rm', 'server');
    // While the server is stopped, the image's command line can use the volume.
    const backup = join(directory, 'backup');
    await mkdir(backup);
    await chown(backup, USER, USER);
    const volumes = ['--volume', 'data:/var/lib/muster', '--volume', `${backup}:/backup`];
    await docker(
      'run',
      '--rm',
      '--read-only',
      '--tmpfs',
      '/tmp',
      ...volumes,
      IMAGE,
      'muster',
      'backup',
      '/backup/muster.backup',
    );
    expect((await stat(join(backup, 'muster.backup'))).size).toBeGreaterThan(0);
    await startServer('server', '--volume', 'data:/var/lib/muster');
    await eventually(async () => expect(await runningContainers(key)).toEqual(['server', 'web']), 90_000);
  });

  test('has the version of Node.js for which the repository has hashes', async () => {
    const dockerfile = await readFile(join(ROOT, 'deploy/image/Dockerfile'), 'utf8');
    const versions = [...dockerfile.matchAll(/node:([\d.]+)-/g)].map(([, version]) => version);
    expect(versions).toEqual([NODE_VERSION, NODE_VERSION]);
    expect(await docker('run', '--rm', IMAGE, 'node', '--version')).toBe(`v${NODE_VERSION}`);
  });

  test('is built without sending secrets, databases, Git history or build output to the engine', async () => {
    const clone = join(directory, 'clone');
    const secrets = [
      '.env',
      'apps/api/.env',
      'apps/api/.muster/data/admin-key',
      '.muster/data/admin-key',
      'apps/tls.key',
    ];
    for (const path of secrets) {
      await mkdir(dirname(join(clone, path)), { recursive: true });
      await writeFile(join(clone, path), 'secret');
    }
    const dockerfile = join(directory, 'Dockerfile');
    await writeFile(dockerfile, `FROM ${BASE_IMAGE}\nCOPY . /context\n`);
    await docker('build', '--file', dockerfile, '--tag', 'context', clone);
    const list = await docker('run', '--rm', 'context', 'sh', '-c', 'cd /context && find . -type f');
    const files = list.split('\n').map((path) => path.slice('./'.length));
    const tracked = new Set((await run(['git', '-C', clone, 'ls-files'])).split('\n'));
    expect(files.filter((path) => !tracked.has(path))).toEqual([]);
    expect(files).toContain('apps/api/src/main.ts');
    expect(files.filter((path) => /(^|\/)(test|\.[^/]+)\//.test(path))).toEqual([]);
  });

  runIf(hasTestServer(), test)('uses PostgreSQL if DATABASE_URL is set', async () => {
    const database = await createEmptyServerDatabase();
    const { port, username, password, pathname, hostname } = new URL(database.url);
    const socket = join(directory, 'database');
    const relays = [
      await startRelay(socket, `${hostname}:${port}`),
      await startRelay(`${GATEWAY}:5432`, socket, engine),
    ];
    try {
      const databaseUrl = `postgresql://${username}:${password}@${GATEWAY}:5432${pathname}`;
      await docker('stop', 'server');
      await startServer('replica', '--env', `DATABASE_URL=${databaseUrl}`);
      expect(await docker('logs', 'replica')).toContain('Database: PostgreSQL');
      expect(await runningContainers(await adminKey('replica'))).toEqual([]);
      await docker('stop', 'replica');
      expect(await docker('inspect', '--format', '{{.State.ExitCode}}', 'replica')).toBe('0');
    } finally {
      await Promise.all(relays.map((relay) => relay.close()));
      await database.drop();
    }
  });
});

function describeImage(name: string, block: () => void): void {
  runIf(hasDockerEngine() && hasDebootstrap(), describe)(name, block);
}
