import { spawnSync } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { eventually, isAvailable, runIf } from '@muster/testkit';
import { ENROLL_TOKEN, openFixture, type Fixture } from './fixture.js';
import { ENGINE, ENGINE_GROUP, missingForMachine, startMachine, type Machine } from './machine.js';

/* These tests run install.sh as root on simulated machines with the real programs of OpenRC. */

const BINARY = '/usr/local/bin/muster-agent';
const INIT_SCRIPT = '/etc/init.d/muster-agent';
const STATE = '/var/lib/muster-agent';

let fixture: Fixture;
let machine: Machine;

beforeEach(async () => {
  fixture = await openFixture();
  fixture.muster.setReaction(Paths.health, { status: 200, json: { status: 'ok' } });
  machine = await startMachine(fixture, 'openrc');
});
afterEach(async () => {
  await machine.close();
  await fixture.close();
});

const output = async (command: string): Promise<string> => (await machine.run(command)).stdout.trim();
/** Waits until an agent runs, and returns its process. */
const processId = (): Promise<string> =>
  eventually(async () => {
    const pid = /as process (\d+)/.exec(await output(`MUSTER_STATE_DIR=${STATE} ${BINARY} status`))?.[1];
    expect(pid).toBeDefined();
    return pid!;
  }, 60_000);
const serviceStatus = (): Promise<string> => output('rc-service muster-agent status 2>&1');

async function installAgent(): Promise<void> {
  expect(await machine.install('--token', ENROLL_TOKEN)).toMatchObject({ code: 0 });
}

const missingOpenrc =
  spawnSync('supervise-daemon', ['--version'], { stdio: 'ignore' }).error === undefined
    ? null
    : 'OpenRC is not installed: apt-get install openrc';

runIf(isAvailable(missingForMachine ?? missingOpenrc), describe)('install.sh on a machine with OpenRC', () => {
  test('starts the agent as a supervised service of a user that has access to the engine', async () => {
    machine.environment = { DOCKER_HOST: ENGINE, NO_PROXY: '*' };
    await installAgent();
    expect(await serviceStatus()).toContain('started');
    const pid = await processId();
    expect(await output(`ps -o user= -p ${pid}`)).toMatch(/^muster-/);
    expect(await output('id -nG muster-agent')).toBe('muster-agent engine');
    expect(await readdir(machine.path('/etc/runlevels/default'))).toContain('muster-agent');
    const [firstStream] = fixture.muster.snapshots.map(({ headers }) => headers['snapshot-stream']);
    await fixture.muster.until(() =>
      fixture.muster.snapshots.some(({ headers }) => headers['snapshot-stream'] !== firstStream),
    );

    // The service has the settings, but no other variable of the script's environment.
    expect(await machine.read('/etc/muster-agent/config')).toContain("NO_PROXY='*'\n");
    expect(await output(`tr '\\0' '\\n' </proc/${pid}/environ | grep -c NO_PROXY`)).toBe('0');
    const config = await stat(machine.path('/etc/muster-agent/config'));
    expect([config.uid, String(config.gid), config.mode & 0o777]).toEqual([
      0,
      await output('getent group muster-agent | cut -d : -f 3'),
      0o640,
    ]);
  });

  test('creates a group for the engine’s socket if the socket’s group has no name', async () => {
    await machine.run('sed -i /^engine:/d /etc/group');
    await installAgent();
    expect(await output('id -nG muster-agent')).toBe('muster-agent muster-engine');
    expect(await output('getent group muster-engine | cut -d : -f 3')).toBe(String(ENGINE_GROUP));
  });

  test('restarts the service only for a new release when it is run again', async () => {
    await installAgent();
    const pid = await processId();
    expect(await machine.install()).toMatchObject({ code: 0 });
    expect(await processId()).toBe(pid);
    machine.release = { version: '2' };
    expect(await machine.install()).toMatchObject({ code: 0 });
    expect(await machine.read(BINARY)).toContain('Release 2.');
    expect(await serviceStatus()).toContain('started');
    expect(await processId()).not.toBe(pid);
  });

  test('stops the service and fails if another supervisor restarts its agent first', async () => {
    // The service starts slowly, so that the other supervisor always restarts its agent first.
    machine.release = { run: 'if [ -z "$SUPERVISED" ]; then sleep 30; fi' };
    expect((await machine.install('--token', ENROLL_TOKEN, '--no-service')).code).toBe(0);
    await machine.run(`export MUSTER_STATE_DIR=${STATE} SUPERVISED=1
      setsid sh -c 'while :; do ${BINARY} run; done' >/dev/null 2>&1 &
      until ${BINARY} status | grep -q 'as process'; do sleep 0.05; done`);
    const { code, stderr } = await machine.install();
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`an agent still runs as process ${await processId()}: stop it first`),
    ]);
    expect(await serviceStatus()).toContain('stopped');
    expect(await readdir(machine.path('/etc/runlevels/default'))).not.toContain('muster-agent');
  });

  test('installs a service that starts a killed agent again', async () => {
    await installAgent();
    const pid = await processId();
    await machine.run(`kill -KILL ${pid}`);
    let restarted = pid;
    while (restarted === pid) restarted = await processId();
    expect(await serviceStatus()).toContain('started');
  });

  test('uninstalls: stops the service, revokes the token and deletes the service, the user and all files', async () => {
    await installAgent();
    const pid = await processId();
    fixture.muster.setReaction(Paths.agentToken, { status: 204, text: '' });
    const removed = await machine.install('--uninstall');
    expect([removed.code, removed.stdout]).toEqual([0, expect.stringContaining('The agent was removed')]);
    expect((await machine.run(`kill -0 ${pid}`)).code).not.toBe(0);
    expect(await output('pgrep supervise-daemon')).toBe('');
    for (const file of [BINARY, INIT_SCRIPT, STATE, '/etc/muster-agent', '/var/log/muster-agent.log']) {
      expect([file, await machine.exists(file)]).toEqual([file, false]);
    }
    expect(await readdir(machine.path('/etc/runlevels/default'))).not.toContain('muster-agent');
    expect((await machine.run('id muster-agent')).code).not.toBe(0);
    expect(fixture.muster.requestsTo(Paths.agentToken)).toHaveLength(1);
  });
});
