import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { eventually, isAvailable, runIf } from '@muster/testkit';
import { ENROLL_TOKEN, openFixture, type Fixture } from './fixture.js';
import { missingForMachine, startMachine, type Machine } from './machine.js';
import { problem } from './scripted-muster.js';

/* These tests run `muster-agent update` on simulated machines, as install.test.ts does with install.sh. */

const BINARY = '/usr/local/bin/muster-agent';
const UNIT = '/etc/systemd/system/muster-agent.service';
const UPDATE_SERVICE = '/etc/systemd/system/muster-agent-update.service';
const UPDATE_TIMER = '/etc/systemd/system/muster-agent-update.timer';
const CONFIG = '/etc/muster-agent/config';

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

const processId = async (): Promise<string | undefined> =>
  /as process (\d+)/.exec((await machine.run('muster-agent status')).stdout)?.[1];

/** Waits until the service runs, and returns its process. */
const untilRunning = (): Promise<string> =>
  eventually(async () => {
    const pid = await processId();
    expect(pid).toBeDefined();
    return pid!;
  });

runIf(isAvailable(missingForMachine), describe)('muster-agent update on a machine with systemd', () => {
  beforeEach(() => openMachine('systemd'));

  test('installs the release of the server and restarts the service, which reports', async () => {
    const before = await processId();
    machine.release = { version: '2' };
    expect(await machine.update()).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.read(BINARY)).toContain('Release 2.');
    expect(await untilRunning()).not.toBe(before);
    expect((await machine.run('muster-agent status')).stdout).toMatch(/Server: last answer: 2/);
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

  test('restores the earlier release if the new one runs but does not report in time', async () => {
    const files = [BINARY, UNIT, CONFIG];
    const before = await Promise.all(files.map((file) => machine.read(file)));
    machine.release = { version: '2', run: 'export http_proxy=http://127.0.0.1:9' };
    const { code, stderr } = await machine.update();
    expect([code, stderr]).toEqual([1, expect.stringContaining('did not report')]);
    expect(stderr).toContain('the earlier release and settings were restored');
    expect(await Promise.all(files.map((file) => machine.read(file)))).toEqual(before);
    await untilRunning();
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

  test('fails without changing anything if the server has no release or does not answer, or without root', async () => {
    const before = await machine.read(BINARY);
    fixture.muster.setReaction(Paths.installScript, problem(404));
    const none = await machine.run('muster-agent update');
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('the server has no agent release')]);
    fixture.muster.setReaction(Paths.installScript, { status: 200, text: '<html>Sign in</html>' });
    const foreign = await machine.run('muster-agent update');
    expect([foreign.code, foreign.stderr]).toEqual([1, expect.stringContaining('nothing was changed')]);
    const user = await machine.run(`setpriv --reuid 34567 --clear-groups env MUSTER_CONFIG=/dev/null ${BINARY} update`);
    expect([user.code, user.stderr]).toEqual([1, expect.stringContaining('run sudo muster-agent update')]);
    expect(await machine.read(BINARY)).toBe(before);
  });

  test('runs once a day with --auto-update, from the directory of the agent, until the agent is uninstalled', async () => {
    expect(await machine.exists(UPDATE_TIMER)).toBe(false);
    expect(await machine.install('--auto-update')).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.systemctlCalls()).toContain('enable --quiet --now muster-agent-update.timer');
    const service = await machine.read(UPDATE_SERVICE);
    expect(service).toMatch(/^ExecStart=\/usr\/local\/bin\/muster-agent update$/m);
    // The command of the unit works, and keeps the timer.
    expect(await machine.update()).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.read(UPDATE_SERVICE)).toBe(service);
    fixture.muster.setReaction(Paths.agentToken, { status: 204, text: '' });
    expect(await machine.install('--uninstall')).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.systemctlCalls()).toContain('disable --quiet --now muster-agent-update.timer');
    expect([await machine.exists(UPDATE_SERVICE), await machine.exists(UPDATE_TIMER)]).toEqual([false, false]);
  });

  test('is not made automatic for an address without TLS', async () => {
    const { code, stderr } = await machine.install('--auto-update', '--url', 'http://muster.example.com');
    expect([code, stderr]).toEqual([1, expect.stringContaining('without TLS')]);
    expect(await machine.exists(UPDATE_TIMER)).toBe(false);
  });
});

runIf(isAvailable(missingForMachine), describe)('muster-agent update on a machine without a service manager', () => {
  beforeEach(() => openMachine('none'));

  test('says how to update an agent in a container or one that was started by hand', async () => {
    machine.release = { version: '2' };
    const { code, stderr } = await machine.update();
    expect([code, stderr]).toEqual([1, expect.stringContaining('In a container: load the server’s image')]);
    expect(stderr).toContain('By hand: stop the agent');
    expect(await machine.read(BINARY)).not.toContain('Release 2.');
  });
});
