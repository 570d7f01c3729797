import { lstat, readdir, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { isAvailable, runIf } from '@muster/testkit';
import { ENROLL_TOKEN, type Fixture } from './fixture.js';
import {
  BINARY,
  CONFIG,
  STATE,
  UNIT,
  acceptToken,
  installAgent,
  openMachine,
  otherAddress,
  processId,
  takeApiDown,
  untilRunning,
  untilStatus,
  untilUnhealthy,
} from './installed-agent.js';
import { SERVICE_USER, missingForMachine, type Machine } from './machine.js';
import { problem, tokenInvalid, type ReceivedRequest } from './scripted-muster.js';

/*
 * These tests run install.sh on a machine that already has the agent. They update the agent, move it, or enroll it
 * again.
 */

let fixture: Fixture;
let machine: Machine;

afterEach(async () => {
  await machine.close();
  await fixture.close();
});

runIf(isAvailable(missingForMachine), describe)('install.sh on a machine with systemd and the agent', () => {
  beforeEach(async () => {
    ({ fixture, machine } = await openMachine('systemd'));
  });

  test('changes nothing and does not call the API when it is run again', async () => {
    await installAgent(machine);
    const before = await processId(machine);
    const [firstStream] = fixture.muster.snapshots.map(({ headers }) => headers['snapshot-stream']);
    await fixture.muster.until(() =>
      fixture.muster.snapshots.some(({ headers }) => headers['snapshot-stream'] !== firstStream),
    );
    // A heartbeat with a digest shows that the service has reported everything.
    await fixture.muster.until(() =>
      fixture.muster.heartbeats.some(({ json }) => (json as { digest: string | null }).digest !== null),
    );
    const calls = fixture.muster.snapshots.length + fixture.muster.requestsTo(Paths.agentEnroll).length;
    const callsBefore = (await machine.systemctlCalls()).length;
    expect(await machine.install()).toMatchObject({ code: 0, stderr: '' });
    const systemctlCalls = (await machine.systemctlCalls()).slice(callsBefore);
    expect(systemctlCalls.filter((call) => /^(stop|start|restart|daemon-reload)/.test(call))).toEqual([]);
    expect(await processId(machine)).toBe(before);
    expect(fixture.muster.snapshots.length + fixture.muster.requestsTo(Paths.agentEnroll).length).toBe(calls);
  });

  test('leaves the service running and fails if it is run again with a token while the API is down', async () => {
    await installAgent(machine);
    const state = await machine.read(`${STATE}/agent.json`);
    const config = await machine.read(CONFIG);
    takeApiDown(fixture);
    await untilUnhealthy(machine);
    const { code, stderr } = await machine.install('--token', ENROLL_TOKEN);
    expect(code).toBe(1);
    expect(stderr).toContain('could not report');
    await untilRunning(machine);
    expect(await machine.read(`${STATE}/agent.json`)).toBe(state);
    expect((await stat(machine.path(`${STATE}/agent.json`))).uid).toBe(SERVICE_USER);
    expect(await machine.read(CONFIG)).toBe(config);
  });

  test('does not restart the service if it is run again without a token while the API is down', async () => {
    await installAgent(machine);
    const before = await processId(machine);
    takeApiDown(fixture);
    expect(await machine.install()).toMatchObject({ code: 0 });
    expect(await processId(machine)).toBe(before);
  });

  test('restarts the service that it stopped, even if install.sh is killed while it waits for the API', async () => {
    await installAgent(machine);
    fixture.muster.setReaction(Paths.agentHeartbeat, problem(503));
    await untilUnhealthy(machine);
    fixture.muster.setReaction(Paths.agentContainers, 'hang');
    const stopped = (await machine.systemctlCalls()).filter((call) => call.startsWith('stop')).length;
    const streamOf = ({ headers }: ReceivedRequest): unknown => headers['snapshot-stream'];
    const streams = new Set(fixture.muster.snapshots.map(streamOf));
    const { pid, result } = await machine.startInstall('--token', ENROLL_TOKEN);
    while ((await machine.systemctlCalls()).filter((call) => call.startsWith('stop')).length === stopped) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // The report of install.sh has another stream than the reports of the service.
    await fixture.muster.until(() => fixture.muster.snapshots.some((each) => !streams.has(streamOf(each))));
    process.kill(-pid, 'SIGTERM');
    expect((await result).code).not.toBe(0);
    expect((await machine.systemctlCalls()).at(-1)).toBe('start muster-agent');
  });

  test('updates the running service to a new release', async () => {
    await installAgent(machine);
    const before = await processId(machine);
    machine.release = { version: '2' };
    expect(await machine.install()).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.read(BINARY)).toContain('Release 2.');
    expect(await processId(machine)).not.toBe(before);
    await untilRunning(machine);
    expect(await readdir(machine.path('/usr/local/bin'))).toEqual(['muster-agent']);
  });

  test.each([
    ['exits at its start', 'exit 1'],
    ['rejects a setting', 'exit 2'],
  ])('restores the earlier release, unit and settings if the new release %s', async (_, run) => {
    await installAgent(machine);
    const files = [BINARY, UNIT, CONFIG];
    const before = await Promise.all(files.map((file) => machine.read(file)));
    machine.release = { version: '2', run };
    machine.environment = { NO_PROXY: '*' };
    const { code, stderr } = await machine.install();
    expect([code, stderr]).toEqual([1, expect.stringContaining('does not keep running')]);
    expect(stderr).toContain('the earlier release and settings were restored');
    expect(await Promise.all(files.map((file) => machine.read(file)))).toEqual(before);
    await untilRunning(machine);
    expect(await readdir(machine.path('/usr/local/bin'))).toEqual(['muster-agent']);
    expect(await readdir(machine.path('/etc/muster-agent'))).toEqual(['config']);
  });

  test('restores the earlier release if the new release cannot report', async () => {
    await installAgent(machine);
    const before = await machine.read(BINARY);
    takeApiDown(fixture);
    await untilUnhealthy(machine);
    machine.release = { version: '2' };
    expect((await machine.install('--token', ENROLL_TOKEN)).code).toBe(1);
    expect(await machine.read(BINARY)).toBe(before);
    await untilRunning(machine);
  });

  test('changes nothing if the disk has no space for a copy of the earlier release or settings', async () => {
    await installAgent(machine);
    const files = [BINARY, CONFIG];
    const before = await Promise.all(files.map((file) => machine.read(file)));
    for (const file of files) {
      // Simulates a full disk: cp writes a part of the copy and fails.
      const cp = `#!/bin/sh\ncase $2 in ${file}) case $3 in *.previous) echo part >"$3"; exit 1 ;; esac ;; esac\nexec /bin/cp "$@"\n`;
      await writeFile(machine.path('bin/cp'), cp, { mode: 0o755 });
      machine.release = file === BINARY ? { version: '2' } : {};
      machine.environment = { NO_PROXY: '*' };
      const { code, stderr } = await machine.install();
      expect([code, stderr]).toEqual([1, expect.stringContaining(`cannot copy ${file} to ${file}.previous`)]);
      expect(await Promise.all(files.map((file) => machine.read(file)))).toEqual(before);
      expect(await readdir(machine.path('/usr/local/bin'))).toEqual(['muster-agent']);
      expect(await readdir(machine.path('/etc/muster-agent'))).toEqual(['config']);
    }
    await untilRunning(machine);
  });

  test('changes the address of the API without a token if the API at the new address knows the machine’s token', async () => {
    await installAgent(machine);
    const enrollments = fixture.muster.requestsTo(Paths.agentEnroll).length;
    acceptToken(fixture);
    const moved = await machine.install('--url', otherAddress(fixture));
    expect(moved).toMatchObject({ code: 0, stderr: '' });
    expect(moved.stdout).toContain(`This machine now reports to ${otherAddress(fixture)}`);
    expect(await machine.read(CONFIG)).toContain(`MUSTER_URL=${otherAddress(fixture)}\n`);
    await untilStatus(machine, `enrolled at ${otherAddress(fixture)} as host ${fixture.muster.hostId}`);
    await untilRunning(machine);
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(enrollments);
  });

  test('keeps the address of the API if the server at the new address does not know the machine’s token', async () => {
    await installAgent(machine);
    const before = await Promise.all([CONFIG, `${STATE}/agent.json`].map((file) => machine.read(file)));
    fixture.muster.setReaction(Paths.agentToken, tokenInvalid);
    const { code, stderr } = await machine.install('--url', otherAddress(fixture));
    expect([code, stderr]).toEqual([1, expect.stringContaining('it is another server')]);
    expect(stderr).toContain('run the script again with --token');
    expect(await Promise.all([CONFIG, `${STATE}/agent.json`].map((file) => machine.read(file)))).toEqual(before);
    await untilRunning(machine);
  });

  test('leaves the service’s settings unchanged if enrollment at another address fails', async () => {
    await installAgent(machine);
    const config = await machine.read(CONFIG);
    const state = await machine.read(`${STATE}/agent.json`);
    takeApiDown(fixture);
    expect((await machine.install('--url', otherAddress(fixture), '--token', ENROLL_TOKEN)).code).toBe(1);
    expect((await machine.install('--url', otherAddress(fixture))).code).toBe(1);
    expect(await machine.read(CONFIG)).toBe(config);
    expect(await machine.read(`${STATE}/agent.json`)).toBe(state);
    await untilRunning(machine);
  });

  test('restores the old address and token if the machine enrolls at another address but cannot report there', async () => {
    await installAgent(machine);
    const state = await machine.read(`${STATE}/agent.json`);
    fixture.muster.queueReactions(Paths.agentContainers, problem(403), problem(403), problem(403));
    const { code, stderr } = await machine.install('--url', otherAddress(fixture), '--token', ENROLL_TOKEN);
    expect([code, stderr]).toEqual([1, expect.stringContaining('the earlier release and settings were restored')]);
    expect(await machine.read(`${STATE}/agent.json`)).toBe(state);
    expect((await stat(machine.path(`${STATE}/agent.json`))).uid).toBe(SERVICE_USER);
    await untilRunning(machine);
  });

  test.each([
    ['with', ''],
    ['without', 'case $1 in *T) exit 1 ;; esac'],
  ])(
    'restores the state file even if its owner replaces the file with a link (mv %s the option -T)',
    async (_, before) => {
      await writeFile(machine.path('bin/mv'), `#!/bin/sh\n${before}\nexec /bin/mv "$@"\n`, { mode: 0o755 });
      await installAgent(machine);
      const state = await machine.read(`${STATE}/agent.json`);
      const answer = fixture.muster.hold(Paths.agentToken);
      const { result } = await machine.startInstall('--url', otherAddress(fixture));
      await fixture.muster.until(() => fixture.muster.requestsTo(Paths.agentToken).length > 0);
      await machine.run(`mkdir /var/lib/other; ln -sf -T /var/lib/other ${STATE}/agent.json`);
      fixture.muster.setReaction(Paths.agentToken, tokenInvalid);
      answer(tokenInvalid);
      expect(await result).toMatchObject({ code: 1, stderr: expect.stringContaining('settings were restored') });
      expect(await readdir(machine.path('/var/lib/other'))).toEqual([]);
      expect((await lstat(machine.path(`${STATE}/agent.json`))).isFile()).toBe(true);
      expect(await machine.read(`${STATE}/agent.json`)).toBe(state);
      await untilRunning(machine);
    },
  );
});
