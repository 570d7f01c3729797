import { lstat, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths, ProblemTypes } from '@muster/contracts';
import { eventually, isAvailable, runIf } from '@muster/testkit';
import { ENROLL_TOKEN, openFixture, type Fixture } from './fixture.js';
import { ENGINE, ENGINE_GROUP, SERVICE_USER, missingForMachine, startMachine, type Machine } from './machine.js';
import { problem, tokenInvalid } from './scripted-muster.js';

/*
 * These tests run install.sh as root on simulated machines with systemd, and on machines without a service manager. The
 * files and processes are real. systemctl is replaced by a script that records its calls and runs the service as the
 * unit states. install-openrc.test.ts tests OpenRC.
 */

const BINARY = '/usr/local/bin/muster-agent';
const UNIT = '/etc/systemd/system/muster-agent.service';
const CONFIG = '/etc/muster-agent/config';
const STATE = '/var/lib/muster-agent';

let fixture: Fixture;
let machine: Machine;

const openMachine = (manager: 'systemd' | 'none') => async () => {
  fixture = await openFixture();
  // Short intervals, so that the service notices soon that the API does not answer.
  fixture.muster.cadence = { heartbeatSeconds: 0.5, snapshotSeconds: 60 };
  fixture.muster.setReaction(Paths.health, { status: 200, json: { status: 'ok' } });
  machine = await startMachine(fixture, manager);
};
afterEach(async () => {
  await machine.close();
  await fixture.close();
});

/** The lines of the agent's own report about itself. */
const status = async (): Promise<string> => (await machine.run(`MUSTER_STATE_DIR=${STATE} ${BINARY} status`)).stdout;
const isRunning = async (): Promise<boolean> => (await status()).includes('has been running as process');
const processId = async (): Promise<string | undefined> => /as process (\d+)/.exec(await status())?.[1];

async function installAgent(...args: string[]): Promise<void> {
  expect(await machine.install('--token', ENROLL_TOKEN, ...args)).toMatchObject({ code: 0, stderr: '' });
}

/** Waits until the agent runs, which it does soon after it was started. */
const untilRunning = (): Promise<void> => eventually(async () => expect(await isRunning()).toBe(true));

/** Starts the agent as the installer suggests. `prefix` is a command that starts it, as another user for example. */
async function startByHand(prefix = ''): Promise<void> {
  await machine.run(
    `MUSTER_STATE_DIR=${STATE} MUSTER_CONFIG=${CONFIG} setsid ${prefix} ${BINARY} run >/dev/null 2>&1 &`,
  );
  await untilRunning();
}

/** Starts the agent as process 1 in a new PID namespace. On the machine, process 1 is another program. */
async function startInContainer(prefix = ''): Promise<void> {
  await machine.run(`MUSTER_STATE_DIR=${STATE} MUSTER_CONFIG=${CONFIG} \\
    setsid unshare --pid --fork --mount-proc ${prefix} ${BINARY} run >/dev/null 2>&1 &`);
  await untilRunning();
  expect(await status()).toContain('as process 1 ');
}

/** Starts a supervisor other than the service manager, which starts its agent again whenever it ends. */
async function startSupervisor(): Promise<void> {
  const file = '/usr/local/bin/supervisor';
  await writeFile(machine.path(file), `#!/bin/sh\nwhile :; do SUPERVISED=1 "$@"; done\n`, { mode: 0o755 });
  await startByHand(file);
}

/** The ID of a user other than root and the service's. */
const OTHER_USER = 34_567;

/** Runs a command as the other user, who can read the configuration file. */
const AS_OTHER_USER = `setpriv --reuid ${OTHER_USER} --regid ${SERVICE_USER} --clear-groups`;

/** The distinct owners of the state directory and its files. */
async function ownersOfState(): Promise<number[]> {
  const names = ['', ...(await readdir(machine.path(STATE)))];
  const owners = await Promise.all(names.map(async (name) => (await stat(machine.path(`${STATE}/${name}`))).uid));
  return [...new Set(owners)];
}

/** Makes the API answer every call of an agent with 503. The release remains available, as if a cache served it. */
function takeApiDown(): void {
  for (const path of [Paths.agentEnroll, Paths.agentContainers, Paths.agentHeartbeat, Paths.agentToken]) {
    fixture.muster.setReaction(path, problem(503, 'about:blank', { 'retry-after': '3600' }));
  }
}

/** Waits until the running agent has noticed that the API does not answer. */
const untilUnhealthy = (): Promise<void> => eventually(async () => expect(await status()).toContain('Server: 503'));

/** Makes the API accept calls with the token of this machine's host. */
function acceptToken(): void {
  const { hostId, cadence } = fixture.muster;
  fixture.muster.setReaction(Paths.agentToken, { status: 200, json: { hostId, cadence } });
}

const acceptLeaving = (): void => fixture.muster.setReaction(Paths.agentToken, { status: 204, text: '' });

/** The same API at another address. */
const otherAddress = (): string => fixture.variables['MUSTER_URL']!.replace('127.0.0.1', 'localhost');

runIf(isAvailable(missingForMachine), describe)('install.sh on a machine with systemd', () => {
  beforeEach(openMachine('systemd'));

  test('enrolls, reports once and starts the service, whose user owns all state files', async () => {
    await installAgent();
    const streams = fixture.muster.snapshots.map(({ headers }) => headers['snapshot-stream']);
    expect(streams.filter((stream) => stream === streams[0])).toHaveLength(1);
    for (const name of ['', ...(await readdir(machine.path(STATE)))]) {
      expect((await stat(machine.path(`${STATE}/${name}`))).uid).toBe(SERVICE_USER);
    }
    expect(await isRunning()).toBe(true);
    expect(await machine.systemctlCalls()).toEqual(
      expect.arrayContaining(['daemon-reload', 'enable --quiet muster-agent', 'start muster-agent']),
    );
  });

  test('installs a unit that systemd accepts, with the group of the engine’s socket', async () => {
    await installAgent();
    expect(await machine.read(UNIT)).toContain('\nSupplementaryGroups=engine\n');
    const verified = await machine.run(`systemd-analyze verify ${UNIT} 2>&1`);
    expect(verified).toMatchObject({ code: 0, stdout: '' });
  });

  test('creates a group for the engine’s socket if its group has no name, and deletes it with the agent', async () => {
    await machine.run('sed -i /^engine:/d /etc/group');
    await installAgent();
    expect(await machine.read(UNIT)).toContain('\nSupplementaryGroups=muster-engine\n');
    expect((await machine.run('getent group muster-engine')).stdout).toMatch(
      new RegExp(`^muster-engine:.*:${ENGINE_GROUP}:`),
    );
    await fixture.muster.until(() => fixture.muster.snapshots.length >= 2);
    expect(await status()).toContain(`Engine: ${ENGINE} (Docker`);
    acceptLeaving();
    expect(await machine.install('--uninstall')).toMatchObject({ code: 0, stderr: '' });
    expect((await machine.run('getent group muster-engine')).code).not.toBe(0);
  });

  test('changes nothing, stops nothing and does not call the API when it is run again', async () => {
    await installAgent();
    const before = await processId();
    const [firstStream] = fixture.muster.snapshots.map(({ headers }) => headers['snapshot-stream']);
    await fixture.muster.until(() =>
      fixture.muster.snapshots.some(({ headers }) => headers['snapshot-stream'] !== firstStream),
    );
    const calls = fixture.muster.snapshots.length + fixture.muster.requestsTo(Paths.agentEnroll).length;
    const callsBefore = (await machine.systemctlCalls()).length;
    expect(await machine.install()).toMatchObject({ code: 0, stderr: '' });
    const systemctlCalls = (await machine.systemctlCalls()).slice(callsBefore);
    expect(systemctlCalls.filter((call) => /^(stop|start|restart|daemon-reload)/.test(call))).toEqual([]);
    expect(await processId()).toBe(before);
    expect(fixture.muster.snapshots.length + fixture.muster.requestsTo(Paths.agentEnroll).length).toBe(calls);
  });

  test('fails with a message and leaves the service running if it is run again with a token while the API is down', async () => {
    await installAgent();
    const state = await machine.read(`${STATE}/agent.json`);
    const config = await machine.read(CONFIG);
    takeApiDown();
    await untilUnhealthy();
    const { code, stderr } = await machine.install('--token', ENROLL_TOKEN);
    expect(code).toBe(1);
    expect(stderr).toContain('could not report');
    await untilRunning();
    expect(await machine.read(`${STATE}/agent.json`)).toBe(state);
    expect((await stat(machine.path(`${STATE}/agent.json`))).uid).toBe(SERVICE_USER);
    expect(await machine.read(CONFIG)).toBe(config);
  });

  test('does not touch the service if it is run again without a token while the API is down', async () => {
    await installAgent();
    const before = await processId();
    takeApiDown();
    expect(await machine.install()).toMatchObject({ code: 0 });
    expect(await processId()).toBe(before);
  });

  test('does nothing while another install.sh runs, and ignores one that was killed', async () => {
    fixture.muster.setReaction(Paths.agentEnroll, 'hang');
    const { pid, result } = await machine.startInstall('--token', ENROLL_TOKEN);
    await fixture.muster.until(() => fixture.muster.requestsTo(Paths.agentEnroll).length > 0);
    for (const args of [['--token', ENROLL_TOKEN], ['--uninstall']]) {
      const { code, stdout, stderr } = await machine.install(...args);
      expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining('another install.sh is running')]);
    }
    process.kill(-pid, 'SIGKILL');
    await result;
    fixture.muster.setReaction(Paths.agentEnroll, null);
    await installAgent();
  });

  test('downloads from the address in --url, even if the script contains another one', async () => {
    const { result } = await machine.startInstall('--token', ENROLL_TOKEN, '--url', otherAddress());
    expect(await result).toMatchObject({ code: 0, stderr: '' });
    const downloads = fixture.muster.receivedRequests.filter(({ path }) => path.startsWith('/agent-release'));
    expect([...new Set(downloads.map(({ headers }) => headers.host))]).toEqual([new URL(otherAddress()).host]);
  });

  test('restarts the service that it stopped, even if it is killed while it waits for the API', async () => {
    await installAgent();
    fixture.muster.setReaction(Paths.agentHeartbeat, problem(503));
    await untilUnhealthy();
    fixture.muster.setReaction(Paths.agentContainers, 'hang');
    const stopped = (await machine.systemctlCalls()).filter((call) => call.startsWith('stop')).length;
    const { pid, result } = await machine.startInstall('--token', ENROLL_TOKEN);
    while ((await machine.systemctlCalls()).filter((call) => call.startsWith('stop')).length === stopped) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const snapshots = fixture.muster.snapshots.length;
    await fixture.muster.until(() => fixture.muster.snapshots.length > snapshots);
    process.kill(-pid, 'SIGTERM');
    expect((await result).code).not.toBe(0);
    expect((await machine.systemctlCalls()).at(-1)).toBe('start muster-agent');
  });

  test('leaves the service’s settings unchanged if enrolling at another address fails', async () => {
    await installAgent();
    const config = await machine.read(CONFIG);
    const state = await machine.read(`${STATE}/agent.json`);
    takeApiDown();
    expect((await machine.install('--url', otherAddress(), '--token', ENROLL_TOKEN)).code).toBe(1);
    expect((await machine.install('--url', otherAddress())).code).toBe(1);
    expect(await machine.read(CONFIG)).toBe(config);
    expect(await machine.read(`${STATE}/agent.json`)).toBe(state);
    await untilRunning();
  });

  test('restores the old address and its token if the machine enrolls at another address but cannot report there', async () => {
    await installAgent();
    const state = await machine.read(`${STATE}/agent.json`);
    fixture.muster.queueReactions(Paths.agentContainers, problem(403), problem(403), problem(403));
    const { code, stderr } = await machine.install('--url', otherAddress(), '--token', ENROLL_TOKEN);
    expect([code, stderr]).toEqual([1, expect.stringContaining('the earlier release and settings were restored')]);
    expect(await machine.read(`${STATE}/agent.json`)).toBe(state);
    expect((await stat(machine.path(`${STATE}/agent.json`))).uid).toBe(SERVICE_USER);
    await untilRunning();
  });

  test('keeps the settings in its environment for the service, readable only by root and the agent', async () => {
    const settings = {
      DOCKER_HOST: ENGINE,
      HTTPS_PROXY: 'http://user:p%23ss@proxy.example.com:3128',
      NO_PROXY: 'localhost,127.0.0.0/8,[::1]',
      MUSTER_REDACT_NAMES: "pass|it's #1",
      MUSTER_REDACT_VALUES: '^"x y"\\d$',
    };
    const { HTTPS_PROXY, NO_PROXY, ...rest } = settings;
    machine.environment = { ...rest, https_proxy: HTTPS_PROXY, no_proxy: NO_PROXY, HTTPS_PROXY: 'http://127.0.0.1:9' };
    await installAgent();
    const shown = (await machine.run(`MUSTER_CONFIG=${CONFIG} ${BINARY} config`)).stdout;
    for (const [name, value] of Object.entries({ ...settings, HTTPS_PROXY: 'http://…@proxy.example.com:3128' })) {
      expect(shown.split('\n').map((line) => line.replace(/ +/g, ' '))).toContain(
        `${name} file ${CONFIG} ${value.replace(/ +/g, ' ')}`,
      );
    }
    const { uid, gid, mode } = await stat(machine.path(CONFIG));
    expect([uid, gid, mode & 0o777]).toEqual([0, SERVICE_USER, 0o640]);
    // The service, whose environment has no DOCKER_HOST, reports the containers of the engine.
    await fixture.muster.until(() => fixture.muster.snapshots.length >= 2);
    expect(await status()).toContain(`Engine: ${ENGINE} (Docker`);

    machine.environment = {};
    const config = await machine.read(CONFIG);
    expect(await machine.install()).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.read(CONFIG)).toBe(config);
    machine.environment = { NO_PROXY: '*' };
    expect(await machine.install()).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.read(CONFIG)).toBe(`${config.replace(/^NO_PROXY=.*\n/m, '')}NO_PROXY='*'\n`);
  });

  test('refuses settings that the service could not use, and then installs and enrolls nothing', async () => {
    await mkdir(machine.path('/etc/certificates'));
    await writeFile(machine.path('/etc/certificates/ca.pem'), 'x', { mode: 0o600 });
    for (const [name, value, message] of [
      ['DOCKER_HOST', 'unix:///run/user/1000/docker.sock', 'its unit hides'],
      ['MUSTER_CA_FILE', '/tmp/ca.pem', 'its unit hides'],
      ['SSL_CERT_FILE', 'ca.pem', 'must be an absolute path'],
      ['NODE_EXTRA_CA_CERTS', '/etc/certificates/none.pem', 'does not exist'],
      ['MUSTER_CA_FILE', '/etc/certificates/ca.pem', 'muster-agent cannot read /etc/certificates/ca.pem'],
      ['DOCKER_CERT_PATH', '/etc/certificates', 'muster-agent cannot read /etc/certificates/ca.pem'],
      ['MUSTER_REDACT_NAMES', 'a\nb', 'contains a line break'],
    ] as const) {
      machine.environment = { [name]: value };
      const { code, stderr } = await machine.install('--token', ENROLL_TOKEN);
      expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
      expect(stderr).toContain(name);
    }
    expect([await machine.exists(BINARY), await machine.exists(CONFIG), await machine.exists(STATE)]).toEqual([
      false,
      false,
      false,
    ]);
  });

  test('rejects a wrong token before it downloads anything', async () => {
    fixture.muster.setReaction(Paths.agentEnroll, tokenInvalid);
    for (const token of [ENROLL_TOKEN, 'muster_agent_1']) {
      const { code, stderr } = await machine.install('--token', token);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/othing was installed/)]);
    }
    expect(await machine.exists(BINARY)).toBe(false);
    expect(fixture.muster.receivedRequests.filter(({ path }) => path.startsWith('/agent-release'))).toEqual([]);
  });

  test.each(['curl', 'wget'])('rejects a wrong token, but not for the 401 of a proxy, with %s', async (client) => {
    // The shell does not find a program that is not a regular file.
    if (client === 'wget') await machine.run('mount --bind /dev/null "$(command -v curl)"');
    const headers = { 'www-authenticate': 'Bearer realm="muster", error="invalid_token"' };
    fixture.muster.queueReactions(Paths.agentEnroll, problem(401, ProblemTypes.tokenInvalid, headers), {
      status: 401,
      text: '<html>Sign in first</html>',
    });
    const rejected = await machine.install('--token', ENROLL_TOKEN);
    expect([rejected.code, rejected.stderr]).toEqual([1, expect.stringContaining('rejects the enrollment token')]);
    expect(await machine.exists(BINARY)).toBe(false);
    await installAgent();
  });

  test.each([
    ['exits at its start', 'exit 1'],
    ['rejects a setting', 'exit 2'],
  ])('restores the earlier release, unit and settings if the new release %s', async (_, run) => {
    await installAgent();
    const files = [BINARY, UNIT, CONFIG];
    const before = await Promise.all(files.map((file) => machine.read(file)));
    machine.release = { version: '2', run };
    machine.environment = { NO_PROXY: '*' };
    const { code, stderr } = await machine.install();
    expect([code, stderr]).toEqual([1, expect.stringContaining('does not keep running')]);
    expect(stderr).toContain('the earlier release and settings were restored');
    expect(await Promise.all(files.map((file) => machine.read(file)))).toEqual(before);
    await untilRunning();
    expect(await readdir(machine.path('/usr/local/bin'))).toEqual(['muster-agent']);
    expect(await readdir(machine.path('/etc/muster-agent'))).toEqual(['config']);
  });

  test('restores the earlier release if the new one cannot report', async () => {
    await installAgent();
    const before = await machine.read(BINARY);
    takeApiDown();
    await untilUnhealthy();
    machine.release = { version: '2' };
    expect((await machine.install('--token', ENROLL_TOKEN)).code).toBe(1);
    expect(await machine.read(BINARY)).toBe(before);
    await untilRunning();
  });

  test('changes nothing if the disk has no space for a copy of the earlier release or settings, and says so', async () => {
    await installAgent();
    const files = [BINARY, CONFIG];
    const before = await Promise.all(files.map((file) => machine.read(file)));
    for (const file of files) {
      // A full disk: cp writes a part of the copy and fails.
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
    expect(await isRunning()).toBe(true);
  });

  test('updates the running service to a new release', async () => {
    await installAgent();
    const before = await processId();
    machine.release = { version: '2' };
    expect(await machine.install()).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.read(BINARY)).toContain('Release 2.');
    expect(await processId()).not.toBe(before);
    expect(await isRunning()).toBe(true);
    expect(await readdir(machine.path('/usr/local/bin'))).toEqual(['muster-agent']);
  });

  test('changes the address of the API without a token, if the API confirms the machine’s token there', async () => {
    await installAgent();
    const enrollments = fixture.muster.requestsTo(Paths.agentEnroll).length;
    acceptToken();
    const moved = await machine.install('--url', otherAddress());
    expect(moved).toMatchObject({ code: 0, stderr: '' });
    expect(moved.stdout).toContain(`This machine now reports to ${otherAddress()}`);
    expect(await machine.read(CONFIG)).toContain(`MUSTER_URL=${otherAddress()}\n`);
    expect(await status()).toContain(`enrolled at ${otherAddress()} as host ${fixture.muster.hostId}`);
    expect(await isRunning()).toBe(true);
    expect(fixture.muster.requestsTo(Paths.agentEnroll)).toHaveLength(enrollments);
  });

  test('stays at the address of its API if another server does not know its token', async () => {
    await installAgent();
    const before = await Promise.all([CONFIG, `${STATE}/agent.json`].map((file) => machine.read(file)));
    fixture.muster.setReaction(Paths.agentToken, tokenInvalid);
    const { code, stderr } = await machine.install('--url', otherAddress());
    expect([code, stderr]).toEqual([1, expect.stringContaining('it is another server')]);
    expect(stderr).toContain('run the script again with --token');
    expect(await Promise.all([CONFIG, `${STATE}/agent.json`].map((file) => machine.read(file)))).toEqual(before);
    await untilRunning();
  });

  test('refuses to replace an agent in a container, and does not change the owner of its state', async () => {
    await installAgent('--no-service');
    await machine.run(`chown -R ${OTHER_USER} ${STATE}`);
    await startInContainer(AS_OTHER_USER);
    const { code, stderr } = await machine.install();
    expect([code, stderr]).toEqual([1, expect.stringMatching(/in a container, for example\) uses .*: stop it first/)]);
    expect(await ownersOfState()).toEqual([OTHER_USER]);
    expect([await machine.exists(UNIT), await isRunning()]).toEqual([false, true]);
  });

  test('replaces an agent that was started by hand as another user, and takes over its state', async () => {
    await installAgent('--no-service');
    await machine.run(`chown -R ${OTHER_USER} ${STATE}`);
    await startByHand(AS_OTHER_USER);
    expect(await machine.install()).toMatchObject({ code: 0, stderr: '' });
    expect(await ownersOfState()).toEqual([SERVICE_USER]);
    expect(await isRunning()).toBe(true);
  });

  test.each([
    ['with', ''],
    ['without', 'case $1 in *T) exit 1 ;; esac'],
  ])(
    'restores the state even if its owner puts a link in its place, with an mv %s the option -T',
    async (_, before) => {
      await writeFile(machine.path('bin/mv'), `#!/bin/sh\n${before}\nexec /bin/mv "$@"\n`, { mode: 0o755 });
      await installAgent();
      const state = await machine.read(`${STATE}/agent.json`);
      const answer = fixture.muster.hold(Paths.agentToken);
      const { result } = await machine.startInstall('--url', otherAddress());
      await fixture.muster.until(() => fixture.muster.requestsTo(Paths.agentToken).length > 0);
      await machine.run(`mkdir /var/lib/other; ln -sf -T /var/lib/other ${STATE}/agent.json`);
      fixture.muster.setReaction(Paths.agentToken, tokenInvalid);
      answer(tokenInvalid);
      expect(await result).toMatchObject({ code: 1, stderr: expect.stringContaining('settings were restored') });
      expect(await readdir(machine.path('/var/lib/other'))).toEqual([]);
      expect((await lstat(machine.path(`${STATE}/agent.json`))).isFile()).toBe(true);
      expect(await machine.read(`${STATE}/agent.json`)).toBe(state);
      await untilRunning();
    },
  );

  test('replaces an agent that was started by hand with the service', async () => {
    await installAgent('--no-service');
    await startByHand();
    const before = await processId();
    const { code, stdout } = await machine.install();
    expect([code, stdout]).toEqual([0, expect.stringContaining(`Stopped the agent that ran as process ${before}`)]);
    expect(await processId()).not.toBe(before);
    expect(await machine.systemctlCalls()).toContain('start muster-agent');
  });

  test.each(['enroll again', 'move', 'start the service'])(
    'names the command that starts the agent again that it stopped, if it then cannot %s',
    async (failure) => {
      await installAgent('--no-service');
      await machine.run(`chown -R ${OTHER_USER} ${STATE}`);
      await startByHand(AS_OTHER_USER);
      const before = await processId();
      const args: string[] = [];
      if (failure === 'enroll again') {
        takeApiDown();
        await untilUnhealthy();
        args.push('--token', ENROLL_TOKEN);
      } else if (failure === 'move') {
        fixture.muster.setReaction(Paths.agentToken, tokenInvalid);
        args.push('--url', otherAddress());
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
      expect([await isRunning(), await ownersOfState()]).toEqual([false, [OTHER_USER]]);
    },
  );

  test('stops and disables the service if another supervisor has started its own agent again first', async () => {
    // The service starts slowly, so that the other supervisor is always the first.
    machine.release = { run: 'if [ -z "$SUPERVISED" ]; then sleep 2; fi' };
    await installAgent('--no-service');
    await startSupervisor();
    const before = await processId();
    const { code, stderr } = await machine.install();
    const after = await processId();
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

  test('uninstalls: stops the service, revokes the token and deletes all files; a second time, nothing is installed', async () => {
    await installAgent();
    acceptLeaving();
    const removed = await machine.install('--uninstall');
    expect(removed).toMatchObject({ code: 0, stderr: '' });
    expect(removed.stdout).toMatch(/has left .*\nThe agent was removed\n$/s);
    expect(fixture.muster.requestsTo(Paths.agentToken)).toHaveLength(1);
    for (const file of [BINARY, UNIT, CONFIG, STATE]) expect([file, await machine.exists(file)]).toEqual([file, false]);
    expect(await machine.systemctlCalls()).toEqual(
      expect.arrayContaining(['stop muster-agent', 'disable --quiet muster-agent']),
    );
    expect((await machine.run('id muster-agent')).code).not.toBe(0);
    expect(await machine.install('--uninstall')).toEqual({
      code: 0,
      stdout: 'The agent is not installed\n',
      stderr: '',
    });
  });

  test('uninstalls if the API is down, and says that the host’s token was not revoked', async () => {
    await installAgent();
    takeApiDown();
    const { code, stderr } = await machine.install('--uninstall');
    expect([code, stderr]).toEqual([0, expect.stringContaining('token was not revoked: delete the host in Muster')]);
    expect(await machine.exists(STATE)).toBe(false);
  });

  test.each([
    ['--root', '', 'is empty'],
    ['--prefix', '', 'is empty'],
    ['--prefix', 'opt/muster', 'must be an absolute path'],
  ])('refuses %s "%s"', async (option, value, message) => {
    for (const args of [['--token', ENROLL_TOKEN], ['--uninstall']]) {
      const { code, stdout, stderr } = await machine.install(...args, option, value);
      expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining(`install.sh: ${option} ${message}`)]);
    }
    expect(fixture.muster.receivedRequests).toEqual([]);
  });

  test('uninstalls an agent below another prefix, which its unit names', async () => {
    await installAgent('--prefix', '/usr/local/muster');
    acceptLeaving();
    expect(await machine.install('--uninstall')).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.exists('/usr/local/muster/bin/muster-agent')).toBe(false);
    expect(fixture.muster.requestsTo(Paths.agentToken)).toHaveLength(1);
  });

  test('names an agent that is not part of the installation, and does not say that the agent was removed', async () => {
    await machine.run('cp /bin/sleep /usr/local/muster-agent; setsid /usr/local/muster-agent 600 >/dev/null 2>&1 &');
    const other = (await machine.run('pgrep -x muster-agent')).stdout.trim();
    const installed = await machine.install('--token', ENROLL_TOKEN);
    expect([installed.code, installed.stderr]).toEqual([
      0,
      expect.stringContaining(`another agent runs as process ${other}`),
    ]);
    acceptLeaving();
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
  beforeEach(openMachine('none'));

  test('says how to start the agent, and leaves an agent alone that was started in this way', async () => {
    const installed = await machine.install('--token', ENROLL_TOKEN);
    expect(installed.stdout).toContain(
      `Keep it running with: MUSTER_STATE_DIR=${STATE} MUSTER_CONFIG=${CONFIG} ${BINARY} run\n`,
    );
    await startByHand();
    const before = await processId();
    expect(await machine.install()).toMatchObject({ code: 0, stderr: '' });
    expect(await processId()).toBe(before);
  });

  test('names the process to restart after an update', async () => {
    await installAgent();
    await startByHand();
    const before = await processId();
    machine.release = { version: '2' };
    const { code, stderr } = await machine.install();
    expect([code, stderr]).toEqual([0, expect.stringContaining(`stop it (kill ${before}), and start it again with:`)]);
    expect(await processId()).toBe(before);
  });

  test('does not change the owner of the state while an agent of another user uses it', async () => {
    await installAgent();
    await machine.run(`chown -R ${OTHER_USER} ${STATE}`);
    await startByHand(AS_OTHER_USER);
    expect(await machine.install()).toMatchObject({ code: 0, stderr: '' });
    expect((await machine.install('--url', otherAddress())).code).toBe(1);
    expect(await ownersOfState()).toEqual([OTHER_USER]);
  });

  test('names the process to stop before the machine enrolls or moves, and changes nothing', async () => {
    await installAgent();
    await startByHand();
    const before = await Promise.all([CONFIG, `${STATE}/agent.json`].map((file) => machine.read(file)));
    const message = `an agent still runs as process ${await processId()}: stop it first`;
    for (const args of [[], ['--token', ENROLL_TOKEN]]) {
      const { code, stderr } = await machine.install('--url', otherAddress(), ...args);
      expect([code, stderr]).toEqual([1, expect.stringContaining(message)]);
    }
    expect(await Promise.all([CONFIG, `${STATE}/agent.json`].map((file) => machine.read(file)))).toEqual(before);
    expect(await isRunning()).toBe(true);
  });

  test('stops an agent that was started by hand when it uninstalls', async () => {
    await installAgent();
    await startByHand();
    const before = await processId();
    acceptLeaving();
    expect(await machine.install('--uninstall')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('The agent was removed'),
      stderr: '',
    });
    expect((await machine.run(`kill -0 ${before}`)).code).not.toBe(0);
    expect(fixture.muster.requestsTo(Paths.agentToken)).toHaveLength(1);
  });

  test('deletes nothing if an agent cannot be stopped, or a supervisor starts it again', async () => {
    await installAgent();
    await startSupervisor();
    acceptLeaving();
    const before = await processId();
    const { code, stdout, stderr } = await machine.install('--uninstall');
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/still runs as process \d+: stop it first .* Nothing was removed\n$/),
    ]);
    expect(stdout).toBe('');
    expect(await processId()).not.toBe(before);
    for (const file of [BINARY, CONFIG, `${STATE}/agent.json`])
      expect([file, await machine.exists(file)]).toEqual([file, true]);
    expect(fixture.muster.requestsTo(Paths.agentToken)).toHaveLength(0);
  });

  test('does not stop an unrelated process if the agent that uses the state runs in a container', async () => {
    await installAgent();
    await startInContainer();
    const { code, stdout, stderr } = await machine.install('--uninstall');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/in a container, for example\) uses .*: stop it first/)]);
    expect([stdout, await machine.exists(STATE), await isRunning()]).toEqual(['', true, true]);
  });
});
