/**
 * Runs deploy/systemd/muster.service and the service of an installed agent with this machine's systemd, which boots in
 * namespaces.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { appendFile, chmod, chown, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { EnrollmentTokenCreated, Host, Page } from '@muster/contracts';
import { writeServerFiles } from '@muster/image/server-files';
import { eventually, newToken, runIf } from '@muster/testkit';
import { startReplayedEngine } from '@muster/testkit/engine-replay';
import { buildAgentRelease } from '../support/agent-release.js';
import { CHECK_DEPLOY, CLOUD_CFG, CLOUD_INIT, hasCloudInit } from '../support/cloud-init.js';
import { hasNginx, makeCertificates, nginxConfig } from '../support/nginx.js';
import { hasSystemd, startSystemdMachine, type SystemdMachine } from '../support/systemd-machine.js';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
const UNIT_FILE = join(ROOT, 'deploy/systemd/muster.service');
const UNIT = '/etc/systemd/system/muster.service';
const CLOUD_CONFIG = join(ROOT, 'deploy/cloud-init/muster-agent.yaml');
/** Long enough for a first start on a busy machine. */
const START_MS_MAX = 90_000;
/** `systemd-analyze security` rates from 0 (no exposure) to 100. */
const EXPOSURE_MAX = 15;
/** The address of nginx, which forwards requests to the server. */
const HTTPS_URL = 'https://127.0.0.1:3443';
/** The ID of the group that owns the engine's socket. This group has no name. */
const ENGINE_GROUP = 4_321;

runIf(hasSystemd(), describe)('under systemd', () => {
  const adminKey = newToken();
  let directory: string;
  let engine: Awaited<ReturnType<typeof startReplayedEngine>> | undefined;
  let machine: SystemdMachine;
  let release: string;

  const property = async (name: string, unit = 'muster'): Promise<string> =>
    (await machine.run(`systemctl show --property=${name} --value ${unit}`)).trim();
  const status = async (path: string): Promise<string> =>
    machine.run(`curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:3000${path}`);
  const untilReady = () =>
    eventually(async () => {
      if ((await status('/readyz').catch(() => '')) === '200') return;
      throw new Error(await machine.run('journalctl --unit=muster --no-pager --lines=20'));
    }, START_MS_MAX);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-opt-'));
    // The server’s user must be able to read this file.
    await chmod(directory, 0o755);
    const application = join(directory, 'application');
    await writeServerFiles(application);
    release = join(application, 'agent-release');
    await cp(buildAgentRelease(), release, { recursive: true });
    const socketPath = join(directory, 'engine.sock');
    engine = await startReplayedEngine({ capturedEngine: 'docker-28.5', listen: { socketPath }, seed: 1 });
    await chown(socketPath, 0, ENGINE_GROUP);
    await chmod(socketPath, 0o660);
    makeCertificates(directory);
    const certificate = (name: string) => readFile(join(directory, name), 'utf8');
    const files = {
      '/etc/tls/ca.pem': await certificate('ca.pem'),
      '/etc/tls/cert.pem': await certificate('cert.pem'),
      '/etc/tls/key.pem': await certificate('key.pem'),
      '/etc/tls/nginx.conf': nginxConfig(
        '/etc/tls',
        `server {
          listen ${new URL(HTTPS_URL).host} ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem;
          location / { proxy_pass http://127.0.0.1:3000; }
        }`,
      ),
      [UNIT]: await readFile(UNIT_FILE, 'utf8'),
      '/etc/muster/environment': 'MUSTER_DRAIN_SECONDS=12\nMUSTER_AGENT_RELEASE_DIR=/opt/muster/agent-release\n',
      '/etc/muster/admin-key': `${adminKey}\n`,
      '/etc/cloud/cloud.cfg': CLOUD_CFG,
      // The commands are from docs/deploy.md.
      '/etc/systemd/system/muster.service.d/secrets.conf': [
        '[Service]',
        'LoadCredential=admin-key:/etc/muster/admin-key',
        'Environment=MUSTER_ADMIN_KEY_FILE=/run/credentials/muster.service/admin-key',
      ].join('\n'),
    };
    const tools = existsSync(CHECK_DEPLOY) ? { tools: CHECK_DEPLOY } : {};
    machine = await startSystemdMachine(application, files, { socket: socketPath, ...tools });
    await machine.run('chmod 0600 /etc/muster/admin-key');
    const user = '--system --user-group --home-dir /var/lib/muster --shell /usr/sbin/nologin muster';
    await machine.run(`useradd ${user}`);
    await machine.run('systemctl start muster');
    await untilReady();
  }, 300_000);
  afterAll(async () => {
    await machine.close();
    await engine?.close();
    await rm(directory, { recursive: true, force: true });
  }, 300_000);

  test('is accepted by systemd without a warning', async () => {
    expect(await machine.run(`systemd-analyze verify ${UNIT} 2>&1`)).toBe('');
  });

  test('has a low exposure level according to systemd-analyze', () => {
    const rate = ['security', '--offline=true', `--threshold=${EXPOSURE_MAX}`, UNIT_FILE];
    expect(execFileSync('systemd-analyze', rate, { encoding: 'utf8' })).toContain('OK');
  });

  test('runs the server as an unprivileged user who can write only to the state directory', async () => {
    const pid = await property('MainPID');
    const processStatus = await machine.run(`cat /proc/${pid}/status`);
    const user = (await machine.run('id --user muster')).trim();
    expect(processStatus).toContain(`\nUid:\t${user}\t${user}\t${user}\t${user}\n`);
    expect(processStatus).toMatch(/^CapBnd:\t0+$/m);
    expect(processStatus).toMatch(/^NoNewPrivs:\t1$/m);
    expect(processStatus).toMatch(/^Seccomp:\t2$/m);
    const write = (path: string) => machine.run(`nsenter --target ${pid} --mount touch ${path}/written`);
    await write('/var/lib/muster');
    await machine.run('rm /var/lib/muster/written');
    for (const path of ['/etc', '/opt', '/usr', '/var/lib']) {
      await expect(write(path)).rejects.toThrow('Read-only file system');
    }
    expect((await machine.run('stat -L --format=%a /var/lib/muster')).trim()).toBe('700');
  });

  test('gives the server a secret from a file that only root can read', async () => {
    const ask = `curl -s -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer ${adminKey}' http://127.0.0.1:3000/api/hosts`;
    expect(await machine.run(ask)).toBe('200');
    expect(await machine.run('cat /var/lib/muster/setup-link')).toMatch(/^http:\/\/127\.0\.0\.1:3000\/setup#token=/);
    expect(await machine.run('journalctl --unit=muster --no-pager')).not.toContain(adminKey);
  });

  test('serves requests until it has stopped, and keeps its data, which can be backed up', async () => {
    const tokens = `curl -s --fail -H 'Authorization: Bearer ${adminKey}' http://127.0.0.1:3000/api/enrollment-tokens`;
    await machine.run(`${tokens} -H 'Content-Type: application/json' -d '{"name":"kept"}'`);
    await machine.run('systemctl stop --no-block muster');
    await eventually(async () => expect(await status('/readyz')).toBe('503'), 12_000, 50);
    expect(await status('/healthz')).toBe('200');
    await eventually(async () => expect(await property('ActiveState')).toBe('inactive'), 60_000);
    expect(await property('Result')).toBe('success');
    const backup = 'node /opt/muster/cli/dist/main.js backup /tmp/muster.backup --data-dir /var/lib/muster';
    await machine.run(`setpriv --reuid=muster --regid=muster --clear-groups ${backup}`);
    await machine.run('systemctl start muster');
    await untilReady();
    expect(await machine.run(tokens)).toContain('"name":"kept"');
  });

  test('starts the server again after it was killed', async () => {
    const killed = await property('MainPID');
    await machine.run('systemctl kill --signal=SIGKILL muster');
    await eventually(async () => {
      expect(await property('MainPID')).not.toBe(killed);
      expect(await status('/readyz')).toBe('200');
    }, START_MS_MAX);
    expect(await property('NRestarts')).toBe('1');
  });

  describe('an installed agent', () => {
    const call = async <T>(path: string, body?: object): Promise<T> => {
      const data = body === undefined ? '' : `-H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`;
      const request = `curl -fsS -H 'Authorization: Bearer ${adminKey}' ${data} http://127.0.0.1:3000${path}`;
      return JSON.parse(await machine.run(request)) as T;
    };
    const hosts = async (): Promise<Host[]> => (await call<Page<Host>>('/api/hosts')).items;
    const install = async (args: string): Promise<string> => {
      const output = await machine.run(`curl -fsS http://127.0.0.1:3000/install.sh | sh -s -- ${args} 2>&1; echo $?`);
      if (output.endsWith('\n0\n')) return output;
      throw new Error(output + (await machine.run('journalctl --unit=muster-agent --no-pager --lines=20')));
    };
    const processId = (): Promise<string> => property('MainPID', 'muster-agent');
    const untilOnline = (): Promise<void> =>
      eventually(async () => expect((await hosts())[0]).toMatchObject({ freshness: 'online' }), 60_000);

    test('runs as a service that reports the engine’s containers with minimal rights', async () => {
      const { token } = await call<EnrollmentTokenCreated>('/api/enrollment-tokens', { name: 'machine' });
      expect(await install(`--token ${token}`)).toContain('The agent runs as the service muster-agent');
      await eventually(async () => {
        expect(await hosts()).toEqual([expect.objectContaining({ freshness: 'online', containerCount: 24 })]);
      }, 60_000);
      const processStatus = await machine.run(`cat /proc/${await processId()}/status`);
      const userId = (await machine.run('id -u muster-agent')).trim();
      expect(processStatus).toMatch(new RegExp(`^Uid:\t${userId}\t${userId}\t`, 'm'));
      expect(processStatus).toMatch(new RegExp(`^Groups:\t(\\d+ )*${ENGINE_GROUP} `, 'm'));
      for (const line of [/^CapEff:\t0+$/m, /^CapBnd:\t0+$/m, /^NoNewPrivs:\t1$/m, /^Seccomp:\t2$/m]) {
        expect(processStatus).toMatch(line);
      }
      const touch = async (path: string) =>
        machine.run(`nsenter --target ${await processId()} --mount touch ${path}/written`);
      await touch('/var/lib/muster-agent');
      for (const path of ['/etc', '/usr', '/var/lib']) {
        await expect(touch(path)).rejects.toThrow('Read-only file system');
      }
    });

    test('is restarted after it was killed, but not by a second installation', async () => {
      const before = await processId();
      expect(await install('')).toContain('The agent runs as the service muster-agent');
      expect(await processId()).toBe(before);
      await machine.run('systemctl kill --signal=SIGKILL muster-agent');
      await eventually(async () => {
        expect(await property('NRestarts', 'muster-agent')).toBe('1');
        expect(await property('ActiveState', 'muster-agent')).toBe('active');
      }, 60_000);
      expect(await processId()).not.toBe(before);
      await untilOnline();
    });

    test('is not restarted endlessly if a setting is invalid', async () => {
      await machine.run('echo "LOG_LEVEL=\'loud\'" >>/etc/muster-agent/config && systemctl restart muster-agent');
      await eventually(async () => expect(await property('ActiveState', 'muster-agent')).toBe('failed'), 60_000);
      expect(await property('ExecMainStatus', 'muster-agent')).toBe('2');
      await new Promise((resolve) => setTimeout(resolve, 6_000));
      expect(await property('NRestarts', 'muster-agent')).toBe('0');
      await machine.run('sed -i /loud/d /etc/muster-agent/config && systemctl restart muster-agent');
      await untilOnline();
    });

    runIf(hasNginx(), test)(
      'is updated to the server’s new release by its timer',
      async () => {
        await machine.run('systemd-run --quiet --unit=nginx-tls nginx -e /etc/tls/nginx.log -c /etc/tls/nginx.conf');
        const script = `curl -fsS --retry 20 --retry-connrefused --retry-delay 1 --cacert /etc/tls/ca.pem ${HTTPS_URL}/install.sh`;
        const installed = `${script} | MUSTER_CA_FILE=/etc/tls/ca.pem sh -s -- --url ${HTTPS_URL} --auto-update 2>&1`;
        expect(await machine.run(installed)).toContain('The agent runs as the service muster-agent');
        expect(await machine.run('systemctl is-enabled muster-agent-update.timer')).toBe('enabled\n');
        expect(await property('ActiveState', 'muster-agent-update.timer')).toBe('active');

        const before = await processId();
        const hash = await makeNewRelease();
        // The test cannot set the machine's clock, so it makes the timer also elapse a second after the timer's start.
        const soon = '[Timer]\nOnActiveSec=1s\nRandomizedDelaySec=0\nAccuracySec=100ms\n';
        const dropIns = '/run/systemd/system/muster-agent-update.timer.d';
        await machine.run(`mkdir -p ${dropIns} && printf '%s' '${soon}' >${dropIns}/soon.conf`);
        await machine.run('systemctl daemon-reload && systemctl restart muster-agent-update.timer');
        await eventually(async () => {
          expect(await machine.run('sha256sum /usr/local/bin/muster-agent')).toContain(hash);
          expect(await property('ActiveState', 'muster-agent-update')).toBe('inactive');
        }, 180_000);
        expect(await property('Result', 'muster-agent-update')).toBe('success');
        expect(await property('TriggeredBy', 'muster-agent-update')).toBe('muster-agent-update.timer');
        expect(await processId()).not.toBe(before);
        await untilOnline();
        await machine.run(`rm -r ${dropIns} && systemctl daemon-reload`);
      },
      400_000,
    );

    /** Changes the executable in the server's release. Returns the hash of the new executable. */
    async function makeNewRelease(): Promise<string> {
      const name = `muster-agent-linux-${process.arch}`;
      // The system ignores data after the sections of an executable.
      await appendFile(join(release, name), '\n');
      const hash = createHash('sha256')
        .update(await readFile(join(release, name)))
        .digest('hex');
      const sums = await readFile(join(release, 'SHA256SUMS'), 'utf8');
      await writeFile(join(release, 'SHA256SUMS'), sums.replace(new RegExp(`^.*  ${name}$`, 'm'), `${hash}  ${name}`));
      return hash;
    }

    test('is removed completely, and its host is shown as left', async () => {
      expect(await install('--uninstall')).toContain('The agent was removed');
      expect((await hosts())[0]).toMatchObject({ freshness: 'left' });
      for (const unit of ['muster-agent', 'muster-agent-update', 'muster-agent-update.timer']) {
        expect([unit, await property('LoadState', unit)]).toEqual([unit, 'not-found']);
      }
      await expect(machine.run('pgrep -x muster-agent')).rejects.toThrow();
      await expect(machine.run('ls /var/lib/muster-agent /etc/muster-agent')).rejects.toThrow('No such file');
    });

    runIf(hasCloudInit(), test)('is installed by cloud-init, which then deletes the file with the token', async () => {
      const { token } = await call<EnrollmentTokenCreated>('/api/enrollment-tokens', { name: 'cloud' });
      const config = (await readFile(CLOUD_CONFIG, 'utf8'))
        .replace('https://muster.example.com', 'http://127.0.0.1:3000')
        .replace('muster_enroll_REPLACE_ME', token);
      expect(config).toContain(token);
      await machine.run(`cat >/root/user-data <<'END'\n${config}\nEND`);
      for (const stage of ['init', 'modules --mode config', 'modules --mode final']) {
        await machine.run(`${CLOUD_INIT} --file /root/user-data ${stage}`);
      }
      await eventually(async () => {
        expect(await hosts()).toEqual([expect.objectContaining({ freshness: 'online', containerCount: 24 })]);
      });
      expect(await property('ActiveState', 'muster-agent')).toBe('active');
      await expect(machine.run('ls /run/muster-agent/install')).rejects.toThrow('No such file');
    });
  });
});
