import { readdir, stat, writeFile } from 'node:fs/promises';
import { expect } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { eventually } from '@muster/testkit';
import { ENROLL_TOKEN, openFixture, type Fixture } from './fixture.js';
import { SERVICE_USER, startMachine, type Machine } from './machine.js';
import { problem } from './scripted-muster.js';

/* Where install.sh puts the agent's files. */
export const BINARY = '/usr/local/bin/muster-agent';
export const UNIT = '/etc/systemd/system/muster-agent.service';
export const CONFIG = '/etc/muster-agent/config';
export const STATE = '/var/lib/muster-agent';

/** A machine on which a test installs the agent, and the engine and the API that the agent uses. */
export interface MachineAndApi {
  fixture: Fixture;
  machine: Machine;
}

/**
 * Opens a machine with systemd, or without a service manager. The files and processes are real. A script replaces
 * systemctl, records its calls, and runs the service as the unit states.
 */
export async function openMachine(manager: 'systemd' | 'none'): Promise<MachineAndApi> {
  const fixture = await openFixture();
  // With short intervals, the service soon notices that the API does not answer.
  fixture.muster.cadence = { heartbeatSeconds: 0.5, snapshotSeconds: 60 };
  fixture.muster.setReaction(Paths.health, { status: 200, json: { status: 'ok' } });
  return { fixture, machine: await startMachine(fixture, manager) };
}

/** Runs install.sh with a valid token. It must succeed. */
export async function installAgent(machine: Machine, ...args: string[]): Promise<void> {
  expect(await machine.install('--token', ENROLL_TOKEN, ...args)).toMatchObject({ code: 0, stderr: '' });
}

/** The lines of the output of the command `status`. */
const status = async (machine: Machine): Promise<string> =>
  (await machine.run(`MUSTER_STATE_DIR=${STATE} ${BINARY} status`)).stdout;

export const isRunning = async (machine: Machine): Promise<boolean> =>
  (await status(machine)).includes('has been running as process');

/**
 * Waits until an agent runs, and returns its process. On a busy machine, the command `status` may not get an answer in
 * time.
 */
export const processId = (machine: Machine): Promise<string> =>
  eventually(async () => {
    const pid = /as process (\d+)/.exec(await status(machine))?.[1];
    expect(pid).toBeDefined();
    return pid!;
  }, 60_000);

/** Waits until the agent runs. */
export const untilRunning = (machine: Machine): Promise<void> =>
  eventually(async () => expect(await isRunning(machine)).toBe(true), 60_000);

/** Waits until the output of the command `status` contains `text`. */
export const untilStatus = (machine: Machine, text: string): Promise<void> =>
  eventually(async () => expect(await status(machine)).toContain(text), 60_000);

/** Waits until the running agent has noticed that the API does not answer. */
export const untilUnhealthy = (machine: Machine): Promise<void> => untilStatus(machine, 'Server: 503');

/**
 * Starts the agent with the command that the installer prints. `prefix` is put before that command, for example to run
 * it as another user.
 */
export async function startByHand(machine: Machine, prefix = ''): Promise<void> {
  await machine.run(
    `MUSTER_STATE_DIR=${STATE} MUSTER_CONFIG=${CONFIG} setsid ${prefix} ${BINARY} run >/dev/null 2>&1 &`,
  );
  await untilRunning(machine);
}

/** Starts the agent as process 1 in a new PID namespace. Process 1 of the machine is another program. */
export async function startInContainer(machine: Machine, prefix = ''): Promise<void> {
  await machine.run(`MUSTER_STATE_DIR=${STATE} MUSTER_CONFIG=${CONFIG} \\
    setsid unshare --pid --fork --mount-proc ${prefix} ${BINARY} run >/dev/null 2>&1 &`);
  await untilStatus(machine, 'as process 1 ');
}

/** Starts a supervisor that is not the service manager. It restarts its agent whenever the agent ends. */
export async function startSupervisor(machine: Machine): Promise<void> {
  const file = '/usr/local/bin/supervisor';
  await writeFile(machine.path(file), `#!/bin/sh\nwhile :; do SUPERVISED=1 "$@"; done\n`, { mode: 0o755 });
  await startByHand(machine, file);
}

/** The ID of a user other than root and the service's user. */
export const OTHER_USER = 34_567;

/** Runs a command as the other user, who can read the configuration file. */
export const AS_OTHER_USER = `setpriv --reuid ${OTHER_USER} --regid ${SERVICE_USER} --clear-groups`;

/** The distinct owners of the state directory and its files. */
export async function ownersOfState(machine: Machine): Promise<number[]> {
  const names = ['', ...(await readdir(machine.path(STATE)))];
  const owners = await Promise.all(names.map(async (name) => (await stat(machine.path(`${STATE}/${name}`))).uid));
  return [...new Set(owners)];
}

/** Makes the API answer every call of an agent with 503. The release remains available, as if from a cache. */
export function takeApiDown({ muster }: Fixture): void {
  for (const path of [Paths.agentEnroll, Paths.agentContainers, Paths.agentHeartbeat, Paths.agentToken]) {
    muster.setReaction(path, problem(503, 'about:blank', { 'retry-after': '3600' }));
  }
}

/** Makes the API accept calls with the token of this machine's host. */
export function acceptToken({ muster }: Fixture): void {
  const { hostId, cadence } = muster;
  muster.setReaction(Paths.agentToken, { status: 200, json: { hostId, cadence } });
}

/** Makes the API accept that the agent leaves, which revokes its token. */
export const acceptLeaving = ({ muster }: Fixture): void =>
  muster.setReaction(Paths.agentToken, { status: 204, text: '' });

/** The same API at another address. */
export const otherAddress = ({ variables }: Fixture): string =>
  variables['MUSTER_URL']!.replace('127.0.0.1', 'localhost');
