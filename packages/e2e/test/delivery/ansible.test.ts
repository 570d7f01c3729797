import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isAvailable, mainOf, runIf } from '@muster/testkit';
import { startReplayedEngine } from '@muster/testkit/engine-replay';
import { Muster } from '../support/muster.js';
import { hasNginx, makeCertificates, startNginx, type Certificates } from '../support/nginx.js';
import { freePort } from '../support/ports.js';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const PROGRAMS = join(ROOT, 'node_modules/.cache/check-deploy/venv/bin');
const ANSIBLE = join(PROGRAMS, 'ansible-playbook');
const missing = existsSync(ANSIBLE) ? null : 'Ansible is missing: run scripts/check-deploy once, which installs it';

/** The numbers in the last line of a run, such as `changed=2`. */
interface Recap {
  changed: number;
  failed: number;
}

runIf(isAvailable(missing) && hasNginx(), describe)('the Ansible role', () => {
  let dir: string;
  let muster: Muster;
  /** The URL of nginx in front of Muster. A private CA has issued its certificate. */
  let url: string;
  let certificates: Certificates;
  /** The URL of the HTTP proxy, and the addresses to which clients connected through the proxy. */
  let proxyUrl: string;
  const tunnels: string[] = [];
  const closers: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'muster-ansible-'));
    closers.unshift(() => rm(dir, { recursive: true, force: true }));
    const socket = { socketPath: join(dir, 'engine.sock') };
    const engine = await startReplayedEngine({ capturedEngine: 'docker-28.5', listen: socket, seed: 1 });
    closers.unshift(() => engine.close());
    await writeRelease('0');
    proxyUrl = `http://127.0.0.1:${await listen(startProxy())}`;
    muster = new Muster(dir, { MUSTER_AGENT_RELEASE_DIR: join(dir, 'release') });
    closers.unshift(() => muster.stop());
    await muster.start();
    certificates = makeCertificates(dir);
    const port = await freePort();
    const server = `listen 127.0.0.1:${port} ssl; ${certificates.issued} location / { proxy_pass ${muster.url}; }`;
    closers.unshift(await startNginx(dir, `server { ${server} }`, [port]));
    url = `https://127.0.0.1:${port}`;
  }, 300_000);
  afterAll(async () => {
    for (const close of closers) await close();
  });

  /** Starts a proxy for CONNECT, which connects only to this machine. */
  function startProxy(): Server {
    return createServer().on('connect', ({ url: authority }, client) => {
      tunnels.push(authority!);
      const target = connect(Number(authority!.split(':')[1]), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        target.pipe(client).pipe(target);
      });
      for (const socket of [client, target]) {
        socket.on('error', () => {
          client.destroy();
          target.destroy();
        });
      }
    });
  }

  /** Makes a server listen on a free port of this machine, and returns the port. */
  async function listen(server: Server): Promise<number> {
    closers.unshift(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  /**
   * Writes a release whose executable is a script that runs the built agent. Scripts of different `version`s differ.
   */
  async function writeRelease(version: string): Promise<void> {
    const release = join(dir, 'release');
    await mkdir(release, { recursive: true });
    await copyFile(join(ROOT, 'apps/agent/packaging/install.sh'), join(release, 'install.sh'));
    const executable = `muster-agent-linux-${process.arch}`;
    const script = `#!/bin/sh\n# ${version}\nexec ${process.execPath} ${mainOf('agent')} "$@"\n`;
    await writeFile(join(release, executable), script);
    const lines = await Promise.all(
      ['install.sh', executable].map(async (name) => {
        const content = await readFile(join(release, name));
        return `${createHash('sha256').update(content).digest('hex')}  ${name}\n`;
      }),
    );
    await writeFile(join(release, 'SHA256SUMS'), lines.join(''));
  }

  /** Runs the role on this machine with another root directory, with the most detailed output. */
  async function runRole(
    enrollToken?: string,
    settings: Record<string, string> = {},
  ): Promise<{ output: string; recap: Recap }> {
    const playbook = [
      {
        hosts: 'localhost',
        gather_facts: false,
        roles: ['muster_agent'],
        vars: {
          ansible_python_interpreter: join(PROGRAMS, 'python'),
          muster_agent_url: url,
          muster_agent_root: join(dir, 'root'),
          muster_agent_settings: {
            DOCKER_HOST: `unix://${join(dir, 'engine.sock')}`,
            MUSTER_CA_FILE: certificates.ca,
            ...settings,
          },
          ...(enrollToken === undefined ? {} : { muster_agent_enroll_token: enrollToken }),
        },
      },
    ];
    await writeFile(join(dir, 'playbook.json'), JSON.stringify(playbook));
    const env = {
      ...process.env,
      ANSIBLE_ROLES_PATH: join(ROOT, 'deploy/ansible/roles'),
      ANSIBLE_LOCAL_TEMP: join(dir, 'ansible'),
      ANSIBLE_REMOTE_TEMP: join(dir, 'ansible'),
      ANSIBLE_NOCOLOR: '1',
    };
    const output = await new Promise<string>((resolve) => {
      const args = ['-vvvv', '--connection', 'local', '--inventory', 'localhost,', join(dir, 'playbook.json')];
      execFile(ANSIBLE, args, { env, timeout: 180_000 }, (_, stdout, stderr) => resolve(stdout + stderr));
    });
    const numbers = /ok=\d+ +changed=(\d+) +unreachable=0 +failed=(\d+)/.exec(output);
    if (numbers === null) throw new Error(`Ansible did not finish: ${output}`);
    return { output, recap: { changed: Number(numbers[1]), failed: Number(numbers[2]) } };
  }

  test('enrolls the host, changes nothing when it is repeated, and installs a new release', async () => {
    const token = await muster.enrollmentToken();
    const first = await runRole(token);
    expect(first).toMatchObject({ recap: { failed: 0 } });
    expect(first.recap.changed).toBeGreaterThan(0);
    expect(first.output).not.toContain(token);
    const { id } = await muster.host();

    const second = await runRole();
    expect(second).toMatchObject({ recap: { changed: 0, failed: 0 } });

    await writeRelease('1');
    const third = await runRole();
    expect(third).toMatchObject({ recap: { failed: 0 } });
    expect(third.recap.changed).toBeGreaterThan(0);
    const binary = join(dir, 'root/usr/local/bin/muster-agent');
    expect(await readFile(binary, 'utf8')).toContain('# 1\n');
    expect((await stat(binary)).mode & 0o777).toBe(0o755);
    expect((await muster.host()).id).toBe(id);
  }, 600_000);

  test('gives the agent a private CA and the password of a proxy, and does not show the password', async () => {
    const settings = { HTTPS_PROXY: 'http://me:word-of-the-proxy@127.0.0.1:9', NO_PROXY: '127.0.0.1' };
    const { output, recap } = await runRole(undefined, settings);
    expect({ output, recap }).toMatchObject({ recap: { failed: 0 } });
    expect(output).not.toContain('word-of-the-proxy');
    const config = await readFile(join(dir, 'root/etc/muster-agent/config'), 'utf8');
    expect(config).toContain(`HTTPS_PROXY=${settings.HTTPS_PROXY}\n`);
    expect(config).toContain(`MUSTER_CA_FILE=${certificates.ca}\n`);
  }, 300_000);

  test('downloads the installer through a proxy that needs no password', async () => {
    const { output, recap } = await runRole(undefined, { HTTPS_PROXY: proxyUrl, NO_PROXY: 'localhost' });
    expect({ output, recap }).toMatchObject({ recap: { failed: 0 } });
    expect(tunnels).toEqual([new URL(url).host]);
  }, 300_000);

  test('stops with the installer’s reason, without the token, if the token is refused', async () => {
    await rm(join(dir, 'root'), { recursive: true, force: true });
    const token = `muster_enroll_${'0'.repeat(32)}`;
    const { output, recap } = await runRole(token);
    expect(recap.failed).toBe(1);
    expect(output).toContain('rejects the enrollment token');
    expect(output).not.toContain(token);
  }, 300_000);
});
