import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFile, chmod, cp, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { isAvailable, runIf } from '@muster/testkit';
import { ENROLL_TOKEN, openFixture, type Fixture } from './fixture.js';
import { problem } from './scripted-muster.js';

/*
 * These tests run install.sh as root, as if on a machine with systemd. The files are real, but in a separate mount
 * namespace, and systemctl is replaced by a script that records its calls. The installed executable runs the built
 * agent.
 */

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const SERVICE_USER = 23_456;

const canMount = spawnSync('unshare', ['--mount', 'true']).status === 0;

/** Shell commands that set up the simulated machine and then run install.sh from standard input. */
const MACHINE = `set -e
mount --bind "$MACHINE/etc" /etc
mount --bind "$MACHINE/var-lib" /var/lib
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system
exec sh -s -- "$@"`;

const SYSTEMCTL = `#!/bin/sh
echo "$*" >>"$MACHINE/systemctl.log"
case $1 in
  is-active) [ -f "$MACHINE/active" ] ;;
  stop) rm -f "$MACHINE/active" ;;
  start | restart) touch "$MACHINE/active" ;;
  enable) case "$*" in *--now*) touch "$MACHINE/active" ;; esac ;;
esac
`;

let fixture: Fixture;
let machine: string;
let child: ChildProcess | null;

beforeEach(async () => {
  fixture = await openFixture();
  machine = join(fixture.dir, 'machine');
  child = null;
  await mkdir(join(machine, 'bin'), { recursive: true });
  await mkdir(join(machine, 'var-lib'));
  await cp('/etc', join(machine, 'etc'), { recursive: true, verbatimSymlinks: true });
  await mkdir(join(machine, 'etc/systemd/system'), { recursive: true });
  await appendFile(join(machine, 'etc/passwd'), `muster-agent:x:${SERVICE_USER}:${SERVICE_USER}::/:/bin/false\n`);
  await writeExecutable(join(machine, 'bin/systemctl'), SYSTEMCTL);
});
afterEach(async () => {
  if (child !== null && child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await fixture.close();
});

async function writeExecutable(path: string, content: string): Promise<void> {
  await writeFile(path, content);
  await chmod(path, 0o755);
}

/** Serves the files of the release. Returns install.sh as the API serves it. */
async function serveRelease(): Promise<string> {
  const command = `${process.execPath} dist/main.js "$@"`;
  const files = {
    [`muster-agent-linux-${process.arch}`]: `#!/bin/sh\ncd ${PACKAGE}\nexec ${command}\n`,
    'muster-agent.service': await readFile(join(PACKAGE, 'packaging/muster-agent.service'), 'utf8'),
  };
  for (const [name, content] of Object.entries(files)) {
    fixture.muster.setReaction(`/agent-release/${name}`, { status: 200, text: content });
  }
  const sums = Object.entries(files).map(
    ([name, text]) => `${createHash('sha256').update(text).digest('hex')}  ${name}`,
  );
  const script = await readFile(join(PACKAGE, 'packaging/install.sh'), 'utf8');
  return script
    .replace("MUSTER_URL_DEFAULT=''", `MUSTER_URL_DEFAULT='${fixture.variables['MUSTER_URL']}'`)
    .replace("CHECKSUMS=''", `CHECKSUMS='${sums.join('\n')}'`);
}

async function start(...args: string[]) {
  const script = await serveRelease();
  const started = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', MACHINE, 'sh', '--prefix', join(machine, 'opt'), ...args],
    {
      env: {
        PATH: `${machine}/bin:/usr/bin:/bin:/usr/sbin:/sbin`,
        MACHINE: machine,
        DOCKER_HOST: fixture.variables['DOCKER_HOST'],
      },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    },
  );
  child = started;
  started.stdin.end(script);
  const ended = new Promise<number | null>((resolve) => void started.once('close', resolve));
  return { pid: started.pid!, result: Promise.all([ended, text(started.stdout), text(started.stderr)]) };
}

async function install(...args: string[]) {
  const [code, stdout, stderr] = await (await start(...args)).result;
  return { code, stdout, stderr };
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
const isActive = (): Promise<boolean> => exists(join(machine, 'active'));
const systemctl = async (): Promise<string[]> =>
  (await readFile(join(machine, 'systemctl.log'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
const stateFile = (): string => join(machine, 'var-lib/muster-agent/agent.json');

async function installAgent(): Promise<void> {
  expect(await install('--token', ENROLL_TOKEN)).toMatchObject({ code: 0, stderr: '' });
  expect(await isActive()).toBe(true);
  await writeFile(join(machine, 'systemctl.log'), '');
}

/** Makes the API answer every call of an agent with 503. The release remains available, as if a cache served it. */
function takeApiDown(): void {
  for (const path of [Paths.agentEnroll, Paths.agentContainers]) {
    fixture.muster.setReaction(path, problem(503, 'about:blank', { 'retry-after': '3600' }));
  }
}

// Only root on Linux can create a mount namespace.
const missing = canMount ? null : 'a mount namespace cannot be created: run the tests as root on Linux';
runIf(isAvailable(missing), describe)('install.sh', () => {
  test('enrolls, reports once and starts the service, whose user owns all state files', async () => {
    await installAgent();
    expect(fixture.muster.snapshots).toHaveLength(1);
    for (const name of ['', ...(await readdir(join(machine, 'var-lib/muster-agent')))]) {
      expect((await stat(join(machine, 'var-lib/muster-agent', name))).uid).toBe(SERVICE_USER);
    }
  });

  test('changes nothing, stops nothing and does not call the API when it is run again', async () => {
    await installAgent();
    const calls =
      fixture.muster.requestsTo(Paths.agentContainers).length + fixture.muster.requestsTo(Paths.agentEnroll).length;
    expect(await install()).toMatchObject({ code: 0, stderr: '' });
    expect((await systemctl()).filter((call) => /^(stop|restart)/.test(call))).toEqual([]);
    expect(await isActive()).toBe(true);
    expect(
      fixture.muster.requestsTo(Paths.agentContainers).length + fixture.muster.requestsTo(Paths.agentEnroll).length,
    ).toBe(calls);
  });

  test('fails with a message and leaves the service running if it is run again with a token while the API is down', async () => {
    await installAgent();
    const state = await readFile(stateFile(), 'utf8');
    const config = await readFile(join(machine, 'etc/muster-agent/config'), 'utf8');
    takeApiDown();
    const { code, stderr } = await install('--token', ENROLL_TOKEN);
    expect(code).toBe(1);
    expect(stderr).toContain('could not report');
    expect(await isActive()).toBe(true);
    expect(await readFile(stateFile(), 'utf8')).toBe(state);
    expect((await stat(stateFile())).uid).toBe(SERVICE_USER);
    expect(await readFile(join(machine, 'etc/muster-agent/config'), 'utf8')).toBe(config);
  });

  test('does not touch the service if it is run again without a token while the API is down', async () => {
    await installAgent();
    takeApiDown();
    expect(await install()).toMatchObject({ code: 0 });
    expect((await systemctl()).filter((call) => /^(stop|restart)/.test(call))).toEqual([]);
    expect(await isActive()).toBe(true);
  });

  test('restarts the service that it stopped, even if it is killed while it waits for the API', async () => {
    await installAgent();
    fixture.muster.setReaction(Paths.agentContainers, 'hang');
    const snapshots = fixture.muster.snapshots.length;
    const { pid, result } = await start('--token', ENROLL_TOKEN);
    await fixture.muster.until(() => fixture.muster.snapshots.length > snapshots);
    process.kill(-pid, 'SIGTERM');
    expect((await result)[0]).not.toBe(0);
    expect(await isActive()).toBe(true);
  });

  test('leaves the service’s settings unchanged if enrolling at another address fails', async () => {
    await installAgent();
    const config = await readFile(join(machine, 'etc/muster-agent/config'), 'utf8');
    expect((await install('--url', 'http://127.0.0.1:9', '--token', ENROLL_TOKEN)).code).toBe(1);
    expect((await install('--url', 'http://127.0.0.1:9')).code).toBe(1);
    expect(await readFile(join(machine, 'etc/muster-agent/config'), 'utf8')).toBe(config);
    expect(await isActive()).toBe(true);
  });
});
