import { once } from 'node:events';
import { copyFile, readFile, readdir, stat } from 'node:fs/promises';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { eventually, isAvailable, runIf } from '@muster/testkit';
import { makeCertificates } from './certificates.js';
import { ENROLL_TOKEN, openFixture, type Fixture } from './fixture.js';
import { SERVICE_USER, missingForMachine, startMachine, type Machine } from './machine.js';
import { problem } from './scripted-muster.js';

/* These tests run `muster-agent update` on simulated machines, as install.test.ts does with install.sh. */

const BINARY = '/usr/local/bin/muster-agent';
const UNIT = '/etc/systemd/system/muster-agent.service';
const UPDATE_SERVICE = '/etc/systemd/system/muster-agent-update.service';
const UPDATE_TIMER = '/etc/systemd/system/muster-agent-update.timer';
const CONFIG = '/etc/muster-agent/config';
const STATE = '/var/lib/muster-agent/agent.json';

let fixture: Fixture;
let machine: Machine;

async function openMachine(manager: 'systemd' | 'none', ...args: string[]): Promise<void> {
  fixture = await openFixture();
  fixture.muster.cadence = { heartbeatSeconds: 0.5, snapshotSeconds: 60 };
  fixture.muster.setReaction(Paths.health, { status: 200, json: { status: 'ok' } });
  machine = await startMachine(fixture, manager);
  expect(await machine.install('--token', ENROLL_TOKEN, ...args)).toMatchObject({ code: 0, stderr: '' });
}
afterEach(async () => {
  await machine.close();
  await fixture.close();
});

/** Also serves the API at an https address, with a certificate that is trusted only through MUSTER_CA_FILE. */
async function startWithTls(): Promise<{ url: string; close(): void }> {
  await makeCertificates(fixture.dir);
  const [cert, key] = await Promise.all(['cert.pem', 'key.pem'].map((name) => readFile(join(fixture.dir, name))));
  const port = Number(new URL(fixture.variables['MUSTER_URL']!).port);
  const server = createServer({ cert: cert!, key: key! }, (client) => {
    const upstream = connect(port, '127.0.0.1');
    client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  await copyFile(join(fixture.dir, 'ca.pem'), machine.path('/etc/ca.pem'));
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => void server.close() };
}

/** Waits until the service runs, and returns its process. */
const processId = (): Promise<string> =>
  eventually(async () => {
    const pid = /as process (\d+)/.exec((await machine.run('muster-agent status')).stdout)?.[1];
    expect(pid).toBeDefined();
    return pid!;
  }, 60_000);

runIf(isAvailable(missingForMachine), describe)('muster-agent update on a machine with systemd', () => {
  beforeEach(() => openMachine('systemd'));

  test('installs the server’s release and restarts the service, which then reports', async () => {
    const before = await processId();
    machine.release = { version: '2' };
    expect(await machine.update()).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.read(BINARY)).toContain('Release 2.');
    expect(await processId()).not.toBe(before);
    await eventually(async () =>
      expect((await machine.run('muster-agent status')).stdout).toMatch(/Server: last answer: 2/),
    );
    expect(await readdir(machine.path('/usr/local/bin'))).toEqual(['muster-agent']);
  });

  test('changes nothing and restarts nothing if the machine has the release of the server', async () => {
    const before = await processId();
    const calls = (await machine.systemctlCalls()).length;
    expect(await machine.update()).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('This machine already has the release of the server'),
    });
    expect(await processId()).toBe(before);
    expect((await machine.systemctlCalls()).slice(calls).filter((call) => /^(stop|start|restart)/.test(call))).toEqual(
      [],
    );
  });

  test('restores the earlier release if the new release runs but does not report in time', async () => {
    const files = [BINARY, UNIT, CONFIG];
    const before = await Promise.all(files.map((file) => machine.read(file)));
    // An agent waits up to 5 seconds before its first call.
    machine.release = { version: '2', run: 'export http_proxy=http://127.0.0.1:9', reportSeconds: 15 };
    const { code, stderr } = await machine.update();
    expect([code, stderr]).toEqual([1, expect.stringContaining('did not report')]);
    expect(stderr).toContain('the earlier release and settings were restored');
    expect(await Promise.all(files.map((file) => machine.read(file)))).toEqual(before);
    await processId();
    await eventually(async () => expect((await machine.run('muster-agent status')).stdout).toMatch(/last answer: 2/));
  });

  test('keeps the earlier release if a download does not have the expected checksum', async () => {
    const before = await machine.read(BINARY);
    machine.release = { version: '2' };
    const script = (await machine.serve()).replace(/[0-9a-f]{64}(?= {2}muster-agent-linux)/, '0'.repeat(64));
    fixture.muster.setReaction(Paths.installScript, { status: 200, text: script });
    const { code, stderr } = await machine.run('muster-agent update');
    expect([code, stderr]).toEqual([1, expect.stringContaining('nothing was installed')]);
    expect(await machine.read(BINARY)).toBe(before);
  });

  test('changes nothing if it does not run as root, or if the server has no release or does not answer', async () => {
    const before = await machine.read(BINARY);
    fixture.muster.setReaction(Paths.installScript, problem(404));
    const none = await machine.run('muster-agent update');
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('the server has no agent release')]);
    fixture.muster.setReaction(Paths.installScript, problem(503));
    const damaged = await machine.run('muster-agent update');
    expect([damaged.code, damaged.stderr]).toEqual([
      1,
      expect.stringContaining('503 Problem 503: As the script says.'),
    ]);
    fixture.muster.setReaction(Paths.installScript, { status: 200, text: '<html>Sign in</html>' });
    const foreign = await machine.run('muster-agent update');
    expect([foreign.code, foreign.stderr]).toEqual([1, expect.stringContaining('nothing was changed')]);
    const user = await machine.run(`setpriv --reuid 34567 --clear-groups env MUSTER_CONFIG=/dev/null ${BINARY} update`);
    expect([user.code, user.stderr]).toEqual([1, expect.stringContaining('run sudo muster-agent update')]);
    expect(await machine.read(BINARY)).toBe(before);
  });

  test('runs no script from an address in the agent’s state, which the agent’s user can change', async () => {
    const scripts = (): number => fixture.muster.requestsTo(Paths.installScript).length;
    const url = fixture.variables['MUSTER_URL']!;
    const other = url.replace('127.0.0.1', 'localhost');
    await machine.run(`sed -i s#${url}#${other}# ${STATE}`);
    const differs = await machine.update();
    expect([differs.code, differs.stderr]).toEqual([
      2,
      expect.stringContaining(`MUSTER_URL is ${url}, but this machine is enrolled at ${other}: nothing was changed`),
    ]);
    await machine.run(`sed -i /MUSTER_URL/d ${CONFIG}`);
    const unset = await machine.update();
    expect([unset.code, unset.stderr]).toEqual([2, expect.stringContaining(`add the line MUSTER_URL=${other}`)]);
    expect(scripts()).toBe(0);
  });

  test('runs nothing if users other than root can change or replace the configuration file', async () => {
    for (const [change, undo] of [
      [`chown ${SERVICE_USER} ${CONFIG}`, `chown root ${CONFIG}`],
      [`chmod g+w ${CONFIG}`, `chmod g-w ${CONFIG}`],
      ['chown muster-agent /etc/muster-agent', 'chown root /etc/muster-agent'],
      ['chmod o+w /etc/muster-agent', 'chmod o-w /etc/muster-agent'],
    ] as const) {
      expect(await machine.run(change)).toMatchObject({ code: 0 });
      const { code, stderr } = await machine.update();
      expect([change, code, stderr]).toEqual([
        change,
        1,
        expect.stringContaining('users other than root can change /etc/muster-agent'),
      ]);
      await machine.run(undo);
    }
    expect(fixture.muster.requestsTo(Paths.installScript)).toEqual([]);
    expect(await machine.update()).toMatchObject({ code: 0, stderr: '' });
  });

  test('runs once a day with --auto-update until the agent is uninstalled', async () => {
    expect(await machine.exists(UPDATE_TIMER)).toBe(false);
    const tls = await startWithTls();
    const { hostId, cadence } = fixture.muster;
    fixture.muster.setReaction(Paths.agentToken, { status: 200, json: { hostId, cadence } });
    await machine.serve();
    const script = `curl -sS --cacert /etc/ca.pem ${tls.url}${Paths.installScript}`;
    // Some administrators set this umask.
    const install = `umask 077; ${script} | MUSTER_CA_FILE=/etc/ca.pem sh -s -- --auto-update --url ${tls.url}`;
    expect(await machine.run(install)).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.systemctlCalls()).toContain('enable --quiet --now muster-agent-update.timer');
    const service = await machine.read(UPDATE_SERVICE);
    expect(service).toMatch(/^ExecStart=\/usr\/local\/bin\/muster-agent update$/m);
    const modes = [UPDATE_SERVICE, UPDATE_TIMER].map(async (file) => (await stat(machine.path(file))).mode & 0o777);
    expect(await Promise.all(modes)).toEqual([0o644, 0o644]);
    // The unit's command works, and does not remove the timer.
    expect(await machine.update()).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.read(UPDATE_SERVICE)).toBe(service);
    fixture.muster.setReaction(Paths.agentToken, { status: 204, text: '' });
    expect(await machine.install('--uninstall')).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.systemctlCalls()).toContain('disable --quiet --now muster-agent-update.timer');
    expect([await machine.exists(UPDATE_SERVICE), await machine.exists(UPDATE_TIMER)]).toEqual([false, false]);
    tls.close();
  });

  test('cannot be automatic for an address without TLS, even on this machine', async () => {
    for (const url of ['http://muster.example.com', fixture.variables['MUSTER_URL']!]) {
      const { code, stderr } = await machine.install('--auto-update', '--url', url);
      expect([code, stderr]).toEqual([1, expect.stringContaining('without TLS')]);
    }
    expect(await machine.exists(UPDATE_TIMER)).toBe(false);
  });

  test('downloads nothing from an address without TLS if the timer is installed', async () => {
    await machine.run(`touch ${UPDATE_TIMER}`);
    const { code, stderr } = await machine.update();
    expect([code, stderr]).toEqual([1, expect.stringContaining('because it has no TLS')]);
    expect(fixture.muster.requestsTo(Paths.installScript)).toEqual([]);
  });
});

runIf(isAvailable(missingForMachine), describe)('muster-agent update on a machine without a service manager', () => {
  beforeEach(() => openMachine('none'));

  test('says how to update an agent in a container and a manually started agent', async () => {
    machine.release = { version: '2' };
    const { code, stderr } = await machine.update();
    expect([code, stderr]).toEqual([1, expect.stringContaining('In a container: load the server’s image')]);
    expect(stderr).toContain('By hand: stop the agent');
    expect(await machine.read(BINARY)).not.toContain('Release 2.');
  });
});
