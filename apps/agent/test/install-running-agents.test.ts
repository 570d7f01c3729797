import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { eventually, isAvailable, runIf } from '@muster/testkit';
import { ENROLL_TOKEN, type Fixture } from './fixture.js';
import {
  AS_OTHER_USER,
  BINARY,
  CONFIG,
  OTHER_USER,
  STATE,
  UNIT,
  acceptLeaving,
  installAgent,
  isRunning,
  openMachine,
  otherAddress,
  ownersOfState,
  processId,
  startByHand,
  startInContainer,
  startSupervisor,
  takeApiDown,
  untilRunning,
  untilUnhealthy,
} from './installed-agent.js';
import { SERVICE_USER, missingForMachine, type Machine } from './machine.js';
import { tokenInvalid } from './scripted-muster.js';

/* These tests run install.sh while an agent runs that the service manager did not start. */

let fixture: Fixture;
let machine: Machine;

afterEach(async () => {
  await machine.close();
  await fixture.close();
});

runIf(isAvailable(missingForMachine), describe)('install.sh on a machine with systemd', () => {
  beforeEach(async () => {
    ({ fixture, machine } = await openMachine('systemd'));
  });

  test('replaces a manually started agent with the service', async () => {
    await installAgent(machine, '--no-service');
    await startByHand(machine);
    const before = await processId(machine);
    const { code, stdout } = await machine.install();
    expect([code, stdout]).toEqual([0, expect.stringContaining(`Stopped the agent that ran as process ${before}`)]);
    expect(await processId(machine)).not.toBe(before);
    expect(await machine.systemctlCalls()).toContain('start muster-agent');
  });

  test('replaces an agent that another user started manually, and keeps its state', async () => {
    await installAgent(machine, '--no-service');
    await machine.run(`chown -R ${OTHER_USER} ${STATE}`);
    await startByHand(machine, AS_OTHER_USER);
    expect(await machine.install()).toMatchObject({ code: 0, stderr: '' });
    expect(await ownersOfState(machine)).toEqual([SERVICE_USER]);
    await untilRunning(machine);
  });

  test('refuses to replace an agent in a container and does not change the owner of its state', async () => {
    await installAgent(machine, '--no-service');
    await machine.run(`chown -R ${OTHER_USER} ${STATE}`);
    await startInContainer(machine, AS_OTHER_USER);
    const { code, stderr } = await machine.install();
    expect([code, stderr]).toEqual([1, expect.stringMatching(/in a container, for example\) uses .*: stop it first/)]);
    expect(await ownersOfState(machine)).toEqual([OTHER_USER]);
    expect(await machine.exists(UNIT)).toBe(false);
    await untilRunning(machine);
  });

  test.each(['enroll again', 'move', 'start the service'])(
    'if the attempt to %s fails, says how to restart the agent that install.sh stopped',
    async (failure) => {
      await installAgent(machine, '--no-service');
      await machine.run(`chown -R ${OTHER_USER} ${STATE}`);
      await startByHand(machine, AS_OTHER_USER);
      const before = await processId(machine);
      const args: string[] = [];
      if (failure === 'enroll again') {
        takeApiDown(fixture);
        await untilUnhealthy(machine);
        args.push('--token', ENROLL_TOKEN);
      } else if (failure === 'move') {
        fixture.muster.setReaction(Paths.agentToken, tokenInvalid);
        args.push('--url', otherAddress(fixture));
      } else {
        machine.release = { version: '2', run: 'exit 1' };
      }
      const { code, stderr } = await machine.install(...args);
      expect([code, stderr]).toEqual([
        1,
        expect.stringContaining(`the agent that ran as process ${before} was stopped and no longer runs`),
      ]);
      const command = `MUSTER_STATE_DIR=${STATE} MUSTER_CONFIG=${CONFIG} ${BINARY} run`;
      expect(stderr.trim().split('\n').at(-1)).toContain(`run as the user ${OTHER_USER}: ${command}`);
      expect([await isRunning(machine), await ownersOfState(machine)]).toEqual([false, [OTHER_USER]]);
    },
  );

  test('stops and disables the service if another supervisor restarts its agent first', async () => {
    // The service starts slowly, so that the other supervisor always restarts its agent first.
    machine.release = { run: 'if [ -z "$SUPERVISED" ]; then sleep 30; fi' };
    await installAgent(machine, '--no-service');
    await startSupervisor(machine);
    const before = await processId(machine);
    const { code, stderr } = await machine.install();
    const after = await processId(machine);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(new RegExp(`an agent still runs as process ${after}: stop it first`)),
    ]);
    expect(after).not.toBe(before);
    const calls = (await machine.systemctlCalls()).filter((call) => /^(enable|disable|start|stop)/.test(call));
    expect(calls).toEqual([
      'enable --quiet muster-agent',
      'start muster-agent',
      'stop muster-agent',
      'disable --quiet muster-agent',
    ]);
  });

  test('reports an unrelated agent’s process, and does not claim that this agent was removed', async () => {
    await machine.run('cp /bin/sleep /usr/local/muster-agent; setsid /usr/local/muster-agent 600 >/dev/null 2>&1 &');
    const other = await eventually(async () => {
      const { code, stdout } = await machine.run('pgrep -x muster-agent');
      expect(code).toBe(0);
      return stdout.trim();
    });
    const installed = await machine.install('--token', ENROLL_TOKEN);
    expect([installed.code, installed.stderr]).toEqual([
      0,
      expect.stringContaining(`another agent runs as process ${other}`),
    ]);
    acceptLeaving(fixture);
    for (let times = 0; times < 2; times++) {
      const { code, stdout, stderr } = await machine.install('--uninstall');
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(new RegExp(`still run, .* these processes: ${other}\n$`)),
      ]);
      expect(stdout).not.toContain('removed');
    }
    expect(await machine.exists(STATE)).toBe(false);
  });
});

runIf(isAvailable(missingForMachine), describe)('install.sh on a machine without a service manager', () => {
  beforeEach(async () => {
    ({ fixture, machine } = await openMachine('none'));
  });

  test('says how to start the agent, and does not stop an agent that was started in this way', async () => {
    const installed = await machine.install('--token', ENROLL_TOKEN);
    expect(installed.stdout).toContain(
      `Keep it running with: MUSTER_STATE_DIR=${STATE} MUSTER_CONFIG=${CONFIG} ${BINARY} run\n`,
    );
    await startByHand(machine);
    const before = await processId(machine);
    expect(await machine.install()).toMatchObject({ code: 0, stderr: '' });
    expect(await processId(machine)).toBe(before);
  });

  test('says which process to restart after an update', async () => {
    await installAgent(machine);
    await startByHand(machine);
    const before = await processId(machine);
    machine.release = { version: '2' };
    const { code, stderr } = await machine.install();
    expect([code, stderr]).toEqual([0, expect.stringContaining(`stop it (kill ${before}), and start it again with:`)]);
    expect(await processId(machine)).toBe(before);
  });

  test('does not change the owner of the state while an agent of another user uses it', async () => {
    await installAgent(machine);
    await machine.run(`chown -R ${OTHER_USER} ${STATE}`);
    await startByHand(machine, AS_OTHER_USER);
    expect(await machine.install()).toMatchObject({ code: 0, stderr: '' });
    expect((await machine.install('--url', otherAddress(fixture))).code).toBe(1);
    expect(await ownersOfState(machine)).toEqual([OTHER_USER]);
  });

  test('says which process to stop before the machine enrolls or moves, and changes nothing', async () => {
    await installAgent(machine);
    await startByHand(machine);
    const before = await Promise.all([CONFIG, `${STATE}/agent.json`].map((file) => machine.read(file)));
    const message = `an agent still runs as process ${await processId(machine)}: stop it first`;
    for (const args of [[], ['--token', ENROLL_TOKEN]]) {
      const { code, stderr } = await machine.install('--url', otherAddress(fixture), ...args);
      expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
    }
    expect(await Promise.all([CONFIG, `${STATE}/agent.json`].map((file) => machine.read(file)))).toEqual(before);
    await untilRunning(machine);
  });

  test('stops a manually started agent when it uninstalls', async () => {
    await installAgent(machine);
    await startByHand(machine);
    const before = await processId(machine);
    acceptLeaving(fixture);
    expect(await machine.install('--uninstall')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('The agent was removed'),
      stderr: '',
    });
    expect((await machine.run(`kill -0 ${before}`)).code).not.toBe(0);
    expect(fixture.muster.requestsTo(Paths.agentToken)).toHaveLength(1);
  });

  test('deletes nothing if a supervisor restarts the agent', async () => {
    await installAgent(machine);
    await startSupervisor(machine);
    acceptLeaving(fixture);
    const before = await processId(machine);
    const { code, stdout, stderr } = await machine.install('--uninstall');
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/still runs as process \d+: stop it first .* Nothing was removed\n$/),
    ]);
    expect(stdout).toBe('');
    expect(await processId(machine)).not.toBe(before);
    for (const file of [BINARY, CONFIG, `${STATE}/agent.json`])
      expect([file, await machine.exists(file)]).toEqual([file, true]);
    expect(fixture.muster.requestsTo(Paths.agentToken)).toHaveLength(0);
  });

  test('does not stop an unrelated process if the agent runs in a container', async () => {
    await installAgent(machine);
    await startInContainer(machine);
    const { code, stdout, stderr } = await machine.install('--uninstall');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/in a container, for example\) uses .*: stop it first/)]);
    expect([stdout, await machine.exists(STATE)]).toEqual(['', true]);
    await untilRunning(machine);
  });
});
