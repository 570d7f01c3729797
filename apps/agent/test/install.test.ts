import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Heartbeat, Paths, ProblemTypes, type EnrollRequest } from '@muster/contracts';
import { isAvailable, runIf } from '@muster/testkit';
import { ENROLL_TOKEN, type Fixture } from './fixture.js';
import {
  BINARY,
  CONFIG,
  STATE,
  UNIT,
  acceptLeaving,
  installAgent,
  openMachine,
  otherAddress,
  takeApiDown,
  untilRunning,
  untilStatus,
} from './installed-agent.js';
import { ENGINE, ENGINE_GROUP, SERVICE_USER, missingForMachine, type Machine } from './machine.js';
import { problem, tokenInvalid } from './scripted-muster.js';

/* These tests run install.sh as root to install and to remove the agent. install-openrc.test.ts tests OpenRC. */

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

  test('enrolls, reports once and starts the service, and gives all state files to the service’s user', async () => {
    await installAgent(machine);
    const streams = fixture.muster.snapshots.map(({ headers }) => headers['snapshot-stream']);
    expect(streams.filter((stream) => stream === streams[0])).toHaveLength(1);
    for (const name of ['', ...(await readdir(machine.path(STATE)))]) {
      expect((await stat(machine.path(`${STATE}/${name}`))).uid).toBe(SERVICE_USER);
    }
    await untilRunning(machine);
    expect(await machine.systemctlCalls()).toEqual(
      expect.arrayContaining(['daemon-reload', 'enable --quiet muster-agent', 'start muster-agent']),
    );
  });

  test('installs a unit that systemd accepts, with the group of the engine’s socket', async () => {
    await installAgent(machine);
    expect(await machine.read(UNIT)).toContain('\nSupplementaryGroups=engine\n');
    const verified = await machine.run(`systemd-analyze verify ${UNIT} 2>&1`);
    expect(verified).toMatchObject({ code: 0, stdout: '' });
  });

  test('creates a group for an engine’s socket without a group name, and deletes this group with the agent', async () => {
    await machine.run('sed -i /^engine:/d /etc/group');
    await installAgent(machine);
    expect(await machine.read(UNIT)).toContain('\nSupplementaryGroups=muster-engine\n');
    expect((await machine.run('getent group muster-engine')).stdout).toMatch(
      new RegExp(`^muster-engine:.*:${ENGINE_GROUP}:`),
    );
    await fixture.muster.until(() => fixture.muster.snapshots.length >= 2);
    await untilStatus(machine, `Engine: ${ENGINE} (Docker`);
    acceptLeaving(fixture);
    expect(await machine.install('--uninstall')).toMatchObject({ code: 0, stderr: '' });
    expect((await machine.run('getent group muster-engine')).code).not.toBe(0);
  });

  test('downloads from the address in --url, even if the script contains another address', async () => {
    const { result } = await machine.startInstall('--token', ENROLL_TOKEN, '--url', otherAddress(fixture));
    expect(await result).toMatchObject({ code: 0, stderr: '' });
    const downloads = fixture.muster.receivedRequests.filter(({ path }) => path.startsWith('/agent-release'));
    expect([...new Set(downloads.map(({ headers }) => headers.host))]).toEqual([new URL(otherAddress(fixture)).host]);
  });

  test('does nothing while another install.sh runs, and ignores an install.sh that was killed', async () => {
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
    await installAgent(machine);
  });

  test('writes the settings of its environment to a file that only root and the agent can read', async () => {
    const settings = {
      DOCKER_HOST: ENGINE,
      HTTPS_PROXY: 'http://user:p%23ss@proxy.example.com:3128',
      NO_PROXY: 'localhost,127.0.0.0/8,[::1]',
      MUSTER_REDACT_NAMES: "pass|it's #1",
      MUSTER_REDACT_VALUES: '^"x y"\\d$',
    };
    const { HTTPS_PROXY, NO_PROXY, ...rest } = settings;
    machine.environment = { ...rest, https_proxy: HTTPS_PROXY, no_proxy: NO_PROXY, HTTPS_PROXY: 'http://127.0.0.1:9' };
    await installAgent(machine);
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
    await untilStatus(machine, `Engine: ${ENGINE} (Docker`);

    machine.environment = {};
    const config = await machine.read(CONFIG);
    expect(await machine.install()).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.read(CONFIG)).toBe(config);
    machine.environment = { NO_PROXY: '*' };
    expect(await machine.install()).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.read(CONFIG)).toBe(`${config.replace(/^NO_PROXY=.*\n/m, '')}NO_PROXY='*'\n`);
  });

  test('writes --name and --labels to the configuration file, and an update keeps them', async () => {
    await installAgent(machine, '--name', "Anna's host", '--labels', 'env=prod,example.com/site=fra');
    const lines = ["MUSTER_HOST_NAME=`Anna's host`", 'MUSTER_HOST_LABELS=env=prod,example.com/site=fra'];
    expect((await machine.read(CONFIG)).split('\n')).toEqual(expect.arrayContaining(lines));
    const enrollment = fixture.muster.requestsTo(Paths.agentEnroll).at(-1)!.json as EnrollRequest;
    expect(enrollment.name).toBe("Anna's host");
    // The service reports the name and the labels, although its environment contains neither.
    const labels = { env: 'prod', 'example.com/site': 'fra' };
    const reported = (): Heartbeat[] => fixture.muster.heartbeats.map(({ json }) => Heartbeat.parse(json));
    await fixture.muster.until(() => reported().some(({ facts }) => facts !== undefined));
    expect(reported().find(({ facts }) => facts !== undefined)!.facts).toMatchObject({ name: "Anna's host", labels });

    machine.release = { version: '2' };
    expect(await machine.install()).toMatchObject({ code: 0, stdout: expect.stringContaining('Installed') });
    expect((await machine.read(CONFIG)).split('\n')).toEqual(expect.arrayContaining(lines));
    // Without --name, only the labels change.
    expect(await machine.install('--labels', 'env=test')).toMatchObject({ code: 0, stderr: '' });
    const changed = await machine.read(CONFIG);
    expect(changed.match(/^MUSTER_HOST_.*$/gm)).toEqual([lines[0], 'MUSTER_HOST_LABELS=env=test']);
  });

  test.each([
    ['--labels (MUSTER_HOST_LABELS) is not valid: “bad key” must be a label key', ['--labels', 'bad key=1']],
    ['--labels (MUSTER_HOST_LABELS) is not valid: the label env occurs twice', ['--labels', 'env=prod,env=test']],
    ['--name (MUSTER_HOST_NAME) must have at most 200 characters', ['--name', 'x'.repeat(201)]],
    ['--name is empty', ['--name', '']],
    ['--labels needs a value', ['--labels']],
  ])('reports which flag has an invalid value, and installs nothing: %s', async (message, args) => {
    const { code, stderr } = await machine.install('--token', ENROLL_TOKEN, ...args);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`install.sh: ${message}`)]);
    expect([await machine.exists(BINARY), await machine.exists(CONFIG)]).toEqual([false, false]);
  });

  test('installs and enrolls nothing if the service could not use a setting', async () => {
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

  test.each(['curl', 'wget'])('with %s, distinguishes a rejected token from the 401 of a proxy', async (client) => {
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
    await installAgent(machine);
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

  test('uninstalls: stops the service, revokes the token and deletes all files', async () => {
    await installAgent(machine);
    acceptLeaving(fixture);
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

  test('uninstalls while the API is down, and says that the host’s token was not revoked', async () => {
    await installAgent(machine);
    takeApiDown(fixture);
    const { code, stderr } = await machine.install('--uninstall');
    expect([code, stderr]).toEqual([0, expect.stringContaining('token was not revoked: delete the host in Muster')]);
    expect(await machine.exists(STATE)).toBe(false);
  });

  test('reads the prefix from the service’s unit when it uninstalls the agent', async () => {
    await installAgent(machine, '--prefix', '/usr/local/muster');
    acceptLeaving(fixture);
    expect(await machine.install('--uninstall')).toMatchObject({ code: 0, stderr: '' });
    expect(await machine.exists('/usr/local/muster/bin/muster-agent')).toBe(false);
    expect(fixture.muster.requestsTo(Paths.agentToken)).toHaveLength(1);
  });
});
