/**
 * Runs deploy/compose.yaml with both versions of Compose on a real engine. Its images are stand-ins: see
 * support/stand-in-images.ts.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Container, EnrollmentToken, Host } from '@muster/contracts';
import { eventually, hasDockerEngine, isAvailable, runIf, startDockerEngine, type DockerEngine } from '@muster/testkit';
import { findComposeVersions, type ComposeVersions } from '../support/compose-versions.js';
import { makeStandInImages } from '../support/stand-in-images.js';

const run = promisify(execFile);

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const FILE = 'deploy/compose.yaml';
const AGENT_FILE = 'apps/agent/packaging/compose.yaml';

const directory = await mkdtemp(join(tmpdir(), 'muster-compose-'));
const versions = await findComposeVersions(directory);
const missing = (['v1', 'v2'] as const).filter((version) => versions[version] === null);
const hasCompose = isAvailable(
  missing.length === 0
    ? null
    : `Compose ${missing.join(' and ')} is missing: apt-get install docker-compose (v1, Debian 12), and Docker’s plugin compose or Debian’s mirror (v2)`,
);
const hasIptables = isAvailable(
  spawnSync('iptables', ['--version']).error === undefined ? null : 'no iptables: apt-get install iptables',
);
const caddy = spawnSync('sh', ['-c', 'command -v caddy'], { encoding: 'utf8' }).stdout.trim() || null;
const hasCaddy = isAvailable(caddy === null ? 'no caddy: apt-get install caddy' : null);

interface Service {
  [key: string]: unknown;
  ports?: { host_ip?: string }[];
  volumes?: { type: string; source: string; target: string }[];
}

afterAll(() => rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));

runIf(hasCompose, describe)('deploy/compose.yaml', () => {
  test.each([FILE, AGENT_FILE])('is valid for both versions of Compose: %s', async (file) => {
    for (const command of [versions.v1!, versions.v2!]) {
      const { stdout } = await run(command, ['-f', file, 'config', '--services'], { cwd: ROOT, env: variables() });
      expect(stdout.split('\n')).toContain('engine-proxy');
    }
  });

  test('restricts every service, and publishes ports without TLS only on this machine', async () => {
    const args = ['-f', FILE, '--profile', 'tls', 'config', '--format', 'json'];
    const { stdout } = await run(versions.v2!, args, { cwd: ROOT, env: variables() });
    const { services } = JSON.parse(stdout) as { services: Record<string, Service> };
    for (const service of Object.values(services)) {
      expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges'] });
      expect(Number(service['mem_limit'])).toBeGreaterThan(0);
    }
    const withCapabilities = Object.entries(services).filter(([, service]) => 'cap_add' in service);
    expect(withCapabilities.map(([name, { cap_add }]) => [name, cap_add])).toEqual([
      ['secrets', ['CHOWN']],
      ['tls', ['NET_BIND_SERVICE']],
    ]);
    const published = Object.entries(services).filter(([, { ports }]) => ports !== undefined);
    expect(published.map(([name]) => name)).toEqual(['muster', 'tls']);
    expect(services['muster']!.ports!.map(({ host_ip }) => host_ip)).toEqual(['127.0.0.1']);
    const binds = Object.entries(services).flatMap(([name, { volumes = [] }]) =>
      volumes.filter(({ type }) => type === 'bind').map(({ source }) => [name, source]),
    );
    expect(binds).toEqual([['engine-proxy', '/var/run/docker.sock']]);
  });
});

/** The environment of Compose. Without `HOME`, Compose would print a warning. */
const variables = (more: Record<string, string> = {}) => ({
  PATH: process.env['PATH'],
  HOME: directory,
  DOCKER_CONFIG: directory,
  ...more,
});

runIf(hasCompose && hasIptables && hasDockerEngine(), describe)('`docker compose up`', () => {
  let engine: DockerEngine;
  let enginePid: string;
  let adminKey: string;

  const compose = async (version: keyof ComposeVersions, args: string[], more: Record<string, string> = {}) => {
    const env = variables({ DOCKER_HOST: engine.dockerHost, MUSTER_ENGINE_SOCKET: engine.socketPath, ...more });
    return (await run(versions[version]!, ['-f', FILE, ...args], { cwd: ROOT, env })).stdout;
  };
  const addressOf = async (service: string, network: string) => {
    const id = (await compose('v2', ['ps', '--quiet', service])).trim();
    return engine.docker('inspect', '--format', `{{ (index .NetworkSettings.Networks "${network}").IPAddress }}`, id);
  };
  /** Sends a request in the engine's network, which is separate from the machine's. */
  const curl = async (...args: string[]) =>
    (await run('nsenter', ['--net', '--target', enginePid, 'curl', '-sS', '--fail', ...args])).stdout;
  const list = async <T>(path: string): Promise<T[]> => {
    const text = await curl('-H', `Authorization: Bearer ${adminKey}`, `http://127.0.0.1:3000${path}`);
    return (JSON.parse(text) as { items: T[] }).items;
  };
  const onlineHost = () =>
    eventually(async () => {
      const hosts = await list<Host>('/api/hosts');
      expect(hosts.map(({ freshness, problems }) => ({ freshness, problems }))).toEqual([
        { freshness: 'online', problems: [] },
      ]);
      return hosts[0]!;
    }, 90_000);

  beforeAll(async () => {
    engine = await startDockerEngine([]);
    enginePid = (await readFile(join(dirname(engine.socketPath), 'docker.pid'), 'utf8')).trim();
    const files = join(directory, 'images');
    await mkdir(files);
    await makeStandInImages(engine, files, caddy);
  }, 300_000);
  afterAll(() => engine.close(), 60_000);

  test('starts Muster on an empty machine, writes a setup link, and starts an agent that reports', async () => {
    await compose('v2', ['up', '--detach']);
    expect(await curl('http://127.0.0.1:3000/')).toContain('<title>Muster');
    const setupLink = await compose('v2', ['exec', '-T', 'muster', 'cat', '/var/lib/muster/setup-link']);
    expect(setupLink).toMatch(/^http:\/\/127\.0\.0\.1:3000\/setup#token=muster_setup_\w+\n$/);
    expect(await compose('v2', ['logs', 'muster'])).toContain('/var/lib/muster/setup-link');
    adminKey = (await compose('v2', ['exec', '-T', 'muster', 'cat', '/var/lib/muster/admin-key'])).trim();
    await onlineHost();
    await eventually(async () => {
      const containers = await list<Container>('/api/containers');
      const services = containers.map(({ labels }) => labels['com.docker.compose.service']).sort();
      expect(services).toEqual(['agent', 'engine-proxy', 'enroll', 'muster', 'postgres', 'secrets']);
    });
  }, 300_000);

  test('stores Muster’s data in PostgreSQL only', async () => {
    expect(await compose('v2', ['logs', 'muster'])).toContain('Database: PostgreSQL');
    const files = await compose('v2', ['exec', '-T', 'muster', 'ls', '/var/lib/muster']);
    expect(files).toBe('admin-key\nsetup-link\n');
  });

  test('gives each secret to one user, and puts no secret into an environment or a command', async () => {
    const ids = (await engine.docker('ps', '--all', '--quiet')).split('\n');
    const all = await engine.docker('inspect', ...ids);
    const volume = (name: string) => ['--volume', `deploy_${name}:/volume:ro`];
    const secrets = [...volume('database-secrets'), 'stand-in', 'sh', '-c'];
    const script = 'cd /volume; cat url password; echo; ls -ln | grep -v total';
    const [url, superuserPassword, ...files] = (await engine.docker('run', '--rm', ...secrets, script)).split('\n');
    const password = /^postgresql:\/\/muster:([0-9a-f]{64})@postgres:5432\/muster$/.exec(url!)?.[1];
    expect(superuserPassword).toMatch(/^[0-9a-f]{64}$/);
    expect(superuserPassword).not.toBe(password);
    const columns = files.map((line) => line.split(/ +/));
    expect(columns.map(([mode, , user, ...more]) => [mode, user, more.at(-1)])).toEqual([
      ['-r--------', '999', 'muster.sql'],
      ['-r--------', '999', 'password'],
      ['-r--------', '65532', 'url'],
    ]);
    const tokenFile = [...volume('agent-secrets'), 'stand-in', 'cat', '/volume/enroll-token'];
    const token = await engine.docker('run', '--rm', ...tokenFile);
    expect(token).toMatch(/^muster_enroll_/);
    for (const secret of [password!, superuserPassword!, token, adminKey]) expect(all.includes(secret)).toBe(false);
    const other = ['run', '--rm', '--user', '999:999', ...volume('agent-secrets'), 'stand-in', 'ls', '/volume'];
    await expect(engine.docker(...other)).rejects.toThrow('Permission denied');
  });

  test('gives Muster a PostgreSQL role that owns its database and has no other rights', async () => {
    const url = new URL((await compose('v2', ['exec', '-T', 'muster', 'cat', '/run/muster-secrets/url'])).trim());
    url.hostname = await addressOf('postgres', 'deploy_database');
    const query = `select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, pg_get_userbyid(datdba)
      from pg_roles, pg_database where rolname = current_user and datname = current_database()`;
    const psql = ['psql', '--no-psqlrc', '--tuples-only', '--no-align', '--command', query, url.href];
    const { stdout } = await run('nsenter', ['--net', '--target', enginePid, ...psql]);
    expect(stdout.trim()).toBe('f|f|f|f|f|muster');
  });

  test('allows only the agent’s calls to the engine’s proxy', async () => {
    const address = await addressOf('engine-proxy', 'deploy_engine');
    const ask = (service: string, path: string, timeoutMs = 60_000) => {
      const script = `fetch('http://${address}:2375${path}', { signal: AbortSignal.timeout(${timeoutMs}) })
        .then(({ status }) => status, () => 'unreachable').then((text) => { console.log(text); process.exit(); })`;
      return compose('v2', ['exec', '-T', service, 'node', '-e', script]);
    };
    expect(await ask('agent', '/v1.41/containers/json')).toBe('200\n');
    expect(await ask('agent', '/v1.41/images/json')).toBe('403\n');
    expect(await ask('muster', '/v1.41/containers/json', 2_000)).toBe('unreachable\n');
  });

  runIf(hasCaddy, test)(
    'keeps the data and the enrollment after `down` and `up`, and serves HTTPS with the profile `tls`',
    async () => {
      const before = await onlineHost();
      await compose('v2', ['down']);
      // The other version of Compose uses the same volumes.
      const settings = { MUSTER_PUBLIC_URL: 'https://localhost', MUSTER_TRUST_PROXY: '1' };
      await compose('v1', ['--profile', 'tls', 'up', '--detach'], settings);
      const { id } = await eventually(async () => {
        const host = await onlineHost();
        expect(host.revision).toBeGreaterThan(before.revision);
        return host;
      }, 90_000);
      expect(id).toBe(before.id);
      const tokens = await list<EnrollmentToken>('/api/enrollment-tokens');
      expect(tokens.map(({ name, uses, maxUses }) => ({ name, uses, maxUses }))).toEqual([
        { name: 'local agent', uses: 1, maxUses: 1 },
      ]);
      const page = await eventually(() => curl('--insecure', 'https://localhost/'), 90_000);
      expect(page).toContain('<title>Muster');
      const link = await compose('v1', ['exec', '-T', 'muster', 'cat', '/var/lib/muster/setup-link'], settings);
      expect(link).toMatch(/^https:\/\/localhost\/setup#/);
    },
    300_000,
  );

  test('reports an unreadable secret without its content', async () => {
    const volume = ['--volume', 'deploy_database-secrets:/run/muster-secrets'];
    await engine.docker('run', '--rm', ...volume, 'stand-in', 'chown', '0:0', '/run/muster-secrets/url');
    const variable = ['--env', 'DATABASE_URL_FILE=/run/muster-secrets/url'];
    const started = engine.docker('run', '--rm', ...volume, ...variable, 'muster');
    await expect(started).rejects.toThrow(
      /muster: DATABASE_URL_FILE must be the path of a readable file that contains the secret: permission denied/,
    );
    await expect(started).rejects.not.toThrow(/postgresql:/);
  });
});
