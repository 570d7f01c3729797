import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, chmod, chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Paths } from '@muster/contracts';
import type { Fixture } from './fixture.js';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

/** The ID of the service's user and group on a machine whose `/etc/passwd` already contains the user. */
export const SERVICE_USER = 23_456;

/** The ID of the group that owns the engine's socket. */
export const ENGINE_GROUP = 4_321;

/** The flags of `unshare` for a machine. */
const NAMESPACES = ['--mount', '--pid', '--fork', '--mount-proc', '--propagation', 'private'];

/** Null if machines can be simulated, otherwise what is missing. Only root on Linux can create the namespaces. */
export const missingForMachine =
  spawnSync('unshare', [...NAMESPACES, 'true']).status === 0
    ? null
    : 'a mount namespace and a PID namespace cannot be created: run the tests as root on Linux';

/** The address of the engine on the machine. */
export const ENGINE = 'unix:///run/engine.sock';

/** The machine's first process: creates the machine's files and then waits. */
const INIT = `set -e
touch_and_bind() { mkdir -p "$(dirname "$2")"; if [ -d "$1" ]; then mkdir -p "$2"; else touch "$2"; fi; mount --bind "$1" "$2"; }
mount -t tmpfs tmpfs /run
touch_and_bind "$NODE" /run/test/muster-agent
touch_and_bind "$PACKAGE/dist" /run/test/dist
touch_and_bind "$ENGINE_SOCKET" /run/engine.sock
for directory in etc var/lib var/log usr/local; do mount --bind "$MACHINE/$directory" "/$directory"; done
case $MANAGER in
  systemd) mkdir -p /run/systemd/system ;;
  openrc)
    for name in daemons exclusive failed inactive options started starting stopping tmp wasinactive; do
      mkdir -p "/run/openrc/$name"
    done
    touch /run/openrc/softlevel
    ;;
esac
echo ready
while :; do sleep 60; done`;

/**
 * A script that replaces systemctl. It records its calls, and runs the service as the unit states, without a sandbox.
 */
const systemctl = (machine: string): string => `#!/bin/sh
echo "$*" >>${machine}/systemctl.log
unit=/etc/systemd/system/muster-agent.service
value() { sed -n "s/^$1=//p" $unit; }
pid=$(cat /run/service.pid 2>/dev/null)
runs() { [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; }
start() {
  if runs; then return; fi
  groups=${SERVICE_USER}
  for name in $(value SupplementaryGroups); do
    id=$(getent group "$name" | cut -d : -f 3)
    groups=$groups,\${id:-$name}
  done
  env -i $(value Environment) setpriv --reuid ${SERVICE_USER} --regid ${SERVICE_USER} --groups $groups \\
    $(value ExecStart) </dev/null >>/var/log/service.log 2>&1 &
  echo $! >/run/service.pid
}
stop() {
  if ! runs; then return; fi
  kill "$pid"
  while runs; do sleep 0.02; done
}
case $1 in
  is-active) if runs; then echo active; else echo inactive; exit 3; fi ;;
  start) start ;;
  stop) stop ;;
  show) if runs; then echo "MainPID=$pid"; else echo MainPID=0; fi ;;
  restart) stop; start ;;
esac
`;

export interface ProgramResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * The release that the API serves. Executables of different `version`s differ. `run` replaces the command `run`.
 * `reportSeconds` is how long install.sh waits for a report of an updated agent, if it is not the usual time.
 */
export interface Release {
  version?: string;
  run?: string;
  reportSeconds?: number;
}

/**
 * A simulated machine. It has its own processes and its own `/etc`, `/var/lib`, `/var/log`, `/run` and `/usr/local`.
 * The programs are those of the real machine. The agent's executable is a script that runs the built agent with a copy
 * of Node.js named like the agent.
 */
export interface Machine {
  /** Returns the path outside the machine of a file on the machine. */
  path(file: string): string;
  /** Reads a file on the machine. */
  read(file: string): Promise<string>;
  /** Returns whether a file or directory exists on the machine. */
  exists(file: string): Promise<boolean>;
  /** Runs install.sh as the API serves it, with the current release. */
  install(...args: string[]): Promise<ProgramResult>;
  /** Starts install.sh in a separate process group. */
  startInstall(...args: string[]): Promise<{ pid: number; result: Promise<ProgramResult> }>;
  /** Environment variables of install.sh. */
  environment: Record<string, string>;
  /** The release that is served. */
  release: Release;
  /** Makes the API serve the current release. Returns its install.sh. */
  serve(): Promise<string>;
  /** Runs `muster-agent update` as root, while the API serves the current release. */
  update(): Promise<ProgramResult>;
  /** Runs a shell command on the machine. */
  run(command: string): Promise<ProgramResult>;
  /** The arguments of each call of systemctl. */
  systemctlCalls(): Promise<string[]>;
  close(): Promise<void>;
}

/** Creates a machine with this service manager, for the engine and the API of the fixture. */
export async function startMachine(fixture: Fixture, manager: 'systemd' | 'openrc' | 'none'): Promise<Machine> {
  const root = join(fixture.dir, 'machine');
  for (const directory of ['bin', 'var/lib', 'var/log', 'usr/local/bin']) {
    await mkdir(join(root, directory), { recursive: true });
  }
  execFileSync('cp', ['-a', '/etc', root]);
  await appendFile(join(root, 'etc/group'), `engine:x:${ENGINE_GROUP}:\n`);
  const engineSocket = fixture.variables['DOCKER_HOST']!.slice('unix://'.length);
  await chown(engineSocket, 0, ENGINE_GROUP);
  await chmod(engineSocket, 0o660);
  if (manager !== 'openrc') {
    await appendFile(join(root, 'etc/passwd'), `muster-agent:x:${SERVICE_USER}:${SERVICE_USER}::/:/bin/false\n`);
    await appendFile(join(root, 'etc/group'), `muster-agent:x:${SERVICE_USER}:\n`);
    await appendFile(join(root, 'etc/shadow'), 'muster-agent:!:20000::::::\n');
    await mkdir(join(root, 'etc/systemd/system'), { recursive: true });
    await writeFile(join(root, 'bin/systemctl'), systemctl(root), { mode: 0o755 });
  }
  const init = spawn('unshare', [...NAMESPACES, 'sh', '-c', INIT], {
    env: {
      PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
      NODE: process.execPath,
      PACKAGE,
      ENGINE_SOCKET: engineSocket,
      MACHINE: root,
      MANAGER: manager,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(init, 'close');
  const errors = text(init.stderr);
  const started = await Promise.race([once(init.stdout, 'data'), ended.then(() => null)]);
  if (started === null) throw new Error(`the machine could not be started: ${await errors}`);
  const firstProcess = (await readFile(`/proc/${init.pid}/task/${init.pid}/children`, 'utf8')).trim();

  const PATH = `${root}/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin`;
  const enter = (args: string[], environment: Record<string, string> = {}): ChildProcess =>
    spawn('nsenter', ['--target', firstProcess, '--mount', '--pid', '--wd=/', ...args], {
      env: { PATH, ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
  async function resultOf(child: ChildProcess): Promise<ProgramResult> {
    const code = new Promise<number | null>((resolve) => void child.once('close', resolve));
    const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!)]);
    return { code: await code, stdout, stderr };
  }

  const machine: Machine = {
    environment: { DOCKER_HOST: ENGINE },
    release: {},
    path: (file) => join(root, file),
    read: (file) => readFile(join(root, file), 'utf8'),
    exists: (file) =>
      stat(join(root, file)).then(
        () => true,
        () => false,
      ),
    async startInstall(...args) {
      const child = enter(['sh', '-s', '--', ...args], machine.environment);
      child.stdin!.end(await serveRelease(fixture, machine.release));
      return { pid: child.pid!, result: resultOf(child) };
    },
    install: async (...args) => (await machine.startInstall(...args)).result,
    serve: () => serveRelease(fixture, machine.release),
    async update() {
      await machine.serve();
      return machine.run('muster-agent update');
    },
    run(command) {
      const child = enter(['sh', '-c', command]);
      child.stdin!.end();
      return resultOf(child);
    },
    systemctlCalls: async () =>
      (await readFile(join(root, 'systemctl.log'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== ''),
    async close() {
      process.kill(Number(firstProcess), 'SIGKILL');
      await ended;
    },
  };
  return machine;
}

/** Serves the files of the release. Returns install.sh as the API serves it. */
async function serveRelease({ muster, variables }: Fixture, release: Release): Promise<string> {
  const { version = '1', run = '', reportSeconds = 60 } = release;
  const files: Record<string, string> = {
    [`muster-agent-linux-${process.arch}`]: [
      `#!/bin/sh`,
      `# Release ${version}.`,
      run === '' ? '' : `if [ "$1" = run ]; then ${run}; fi`,
      `exec /run/test/muster-agent /run/test/dist/main.js "$@"\n`,
    ].join('\n'),
  };
  const names = [
    'muster-agent.service',
    'muster-agent.openrc',
    'muster-agent-update.service',
    'muster-agent-update.timer',
  ];
  for (const name of names) {
    files[name] = await readFile(join(PACKAGE, 'packaging', name), 'utf8');
  }
  for (const [name, content] of Object.entries(files)) {
    muster.setReaction(`/agent-release/${name}`, { status: 200, text: content });
  }
  const sums = Object.entries(files).map(
    ([name, content]) => `${createHash('sha256').update(content).digest('hex')}  ${name}`,
  );
  const script = (await readFile(join(PACKAGE, 'packaging/install.sh'), 'utf8'))
    .replace("MUSTER_URL_DEFAULT=''", `MUSTER_URL_DEFAULT='${variables['MUSTER_URL']}'`)
    .replace('REPORT_SECONDS=60', `REPORT_SECONDS=${reportSeconds}`)
    .replace("CHECKSUMS=''", `CHECKSUMS='${sums.join('\n')}'`);
  muster.setReaction(Paths.installScript, { status: 200, text: script });
  return script;
}
