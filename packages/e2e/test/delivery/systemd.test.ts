/** Runs deploy/systemd/muster.service with this machine's systemd, which boots in namespaces. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually, newToken, runIf } from '@muster/testkit';
import { deployServer } from '../support/deploy-server.js';
import { hasSystemd, startSystemdMachine, type SystemdMachine } from '../support/systemd-machine.js';

const UNIT_FILE = fileURLToPath(new URL('../../../../deploy/systemd/muster.service', import.meta.url));
const UNIT = '/etc/systemd/system/muster.service';
/** Long enough for a first start on a busy machine. */
const START_MS_MAX = 90_000;
/** `systemd-analyze security` rates from 0 (no exposure) to 100. */
const EXPOSURE_MAX = 15;

runIf(hasSystemd(), describe)('deploy/systemd/muster.service', () => {
  const adminKey = newToken();
  let directory: string;
  let machine: SystemdMachine;

  const property = async (name: string): Promise<string> =>
    (await machine.run(`systemctl show --property=${name} --value muster`)).trim();
  const status = async (path: string): Promise<string> =>
    machine.run(`curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:3000${path}`);
  const untilReady = () =>
    eventually(async () => {
      if ((await status('/readyz').catch(() => '')) === '200') return;
      throw new Error(await machine.run('journalctl --unit=muster --no-pager --lines=20'));
    }, START_MS_MAX);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-opt-'));
    await deployServer(directory);
    // The server’s user must be able to read it.
    await chmod(directory, 0o755);
    machine = await startSystemdMachine(directory, {
      [UNIT]: await readFile(UNIT_FILE, 'utf8'),
      '/etc/muster/environment': 'MUSTER_DRAIN_SECONDS=6\n',
      '/etc/muster/admin-key': `${adminKey}\n`,
      // As docs/deploy.md describes.
      '/etc/systemd/system/muster.service.d/secrets.conf': [
        '[Service]',
        'LoadCredential=admin-key:/etc/muster/admin-key',
        'Environment=MUSTER_ADMIN_KEY_FILE=/run/credentials/muster.service/admin-key',
      ].join('\n'),
    });
    await machine.run('chmod 0600 /etc/muster/admin-key');
    const user = '--system --user-group --home-dir /var/lib/muster --shell /usr/sbin/nologin muster';
    await machine.run(`useradd ${user}`);
    await machine.run('systemctl start muster');
    await untilReady();
  }, 240_000);
  afterAll(async () => {
    await machine.close();
    await rm(directory, { recursive: true, force: true });
  }, 60_000);

  test('is accepted by systemd without a warning', async () => {
    expect(await machine.run(`systemd-analyze verify ${UNIT} 2>&1`)).toBe('');
  });

  test('exposes little to the service', () => {
    const rate = ['security', '--offline=true', `--threshold=${EXPOSURE_MAX}`, UNIT_FILE];
    expect(execFileSync('systemd-analyze', rate, { encoding: 'utf8' })).toContain('OK');
  });

  test('runs the server as a user without privileges, who can write only its state', async () => {
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

  test('serves requests while it stops, then exits cleanly, can be backed up, and keeps its data', async () => {
    const tokens = `curl -s --fail -H 'Authorization: Bearer ${adminKey}' http://127.0.0.1:3000/api/enrollment-tokens`;
    await machine.run(`${tokens} -H 'Content-Type: application/json' -d '{"name":"kept"}'`);
    await machine.run('systemctl stop --no-block muster');
    await eventually(async () => expect(await status('/readyz')).toBe('503'), 5_000, 50);
    expect(await status('/healthz')).toBe('200');
    await eventually(async () => expect(await property('ActiveState')).toBe('inactive'));
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
});
