import { spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { eventually, isAvailable, startCommand } from '@muster/testkit';

/**
 * Mounts a writable copy of this machine's file system, moves this shell to a separate control group, and boots systemd
 * in the copy. Only `$FILES` and `/opt/muster` differ from this machine.
 */
const BOOT = `set -e
mount -t tmpfs tmpfs "$WORK"
mkdir "$WORK/upper" "$WORK/work" "$WORK/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$WORK/upper,workdir=$WORK/work" "$WORK/root"
cp -a "$FILES/." "$WORK/root/"
rm -f "$WORK/root/etc/machine-id"
mkdir -p "$WORK/root/opt/muster"
# The machine has no network besides loopback, for which these services would wait for two minutes.
for name in systemd-networkd NetworkManager; do
  ln -sf /dev/null "$WORK/root/etc/systemd/system/$name-wait-online.service"
done
for cgroup in $CGROUPS; do echo $$ >"$cgroup/cgroup.procs"; done
exec systemd-nspawn --quiet --register=no --keep-unit --link-journal=no --private-network --machine=muster-test \\
  --directory="$WORK/root" --bind-ro="$APPLICATION:/opt/muster" --bind-ro="$NODE:/usr/local/bin/node" \\
  \${BIND:+--bind="$BIND"} \${TOOLS:+--bind-ro="$TOOLS"} --console=pipe --boot systemd.unit=basic.target`;

const BOOT_MS_MAX = 150_000;

/** Returns whether systemd can run in namespaces of this machine. If not, `isAvailable` reports the reason. */
export function hasSystemd(): boolean {
  const isInstalled = ['systemd-nspawn', 'nsenter', 'curl'].every(
    (program) => spawnSync('sh', ['-c', `command -v ${program} && test -x /lib/systemd/systemd`]).status === 0,
  );
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
  const how = 'apt-get install systemd systemd-container curl (needs root on Linux)';
  return isAvailable(isInstalled && isRoot ? null : `systemd cannot run in a container: ${how}`);
}

/** A machine on which systemd runs, with its own processes and network, and a copy of this machine's files. */
export type SystemdMachine = Awaited<ReturnType<typeof startSystemdMachine>>;

/**
 * Starts a machine with the application in /opt/muster and with additional files by path. `socket` is a socket of the
 * real machine that appears as /run/docker.sock. `tools` is a directory of the real machine that appears at the same
 * path.
 */
export async function startSystemdMachine(
  application: string,
  files: Readonly<Record<string, string>>,
  { socket, tools }: { socket?: string; tools?: string } = {},
) {
  const directory = await mkdtemp(join(tmpdir(), 'muster-systemd-'));
  const [work, copied] = [join(directory, 'work'), join(directory, 'files')];
  await mkdir(work);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(copied, path)), { recursive: true });
    await writeFile(join(copied, path), content);
  }
  const cgroups = await createCgroups();
  const env = {
    PATH: process.env['PATH'],
    WORK: work,
    FILES: copied,
    CGROUPS: cgroups.join(' '),
    APPLICATION: application,
    NODE: process.execPath,
    ...(socket === undefined ? {} : { BIND: `${socket}:/run/docker.sock` }),
    ...(tools === undefined ? {} : { TOOLS: tools }),
  };
  const program = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', BOOT], { env });
  let output = '';
  for (const stream of [program.stdout, program.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const ended = new Promise((resolve) => void program.once('close', resolve));

  /** Returns the id of the machine's first process, which is systemd. */
  async function firstProcess(): Promise<string> {
    if (program.exitCode !== null) throw new Error(`the machine does not start: ${output}`);
    const child = (await readFile(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8')).trim();
    if (!/^\d+$/.test(child)) throw new Error('the machine has no process yet');
    return child;
  }

  /** Runs a shell command on the machine, and returns its output. @throws Error if it fails. */
  async function run(command: string): Promise<string> {
    const namespaces = ['--mount', '--pid', '--net', '--uts', '--ipc', '--cgroup', '--root', '--wd'];
    const entered = startCommand(['nsenter', '--target', await firstProcess(), ...namespaces, 'sh', '-c', command]);
    if ((await entered.ended) !== 0) throw new Error(`${command}: ${entered.stdout()}${entered.stderr()}`);
    return entered.stdout();
  }

  async function close(): Promise<void> {
    await firstProcess().then(
      (pid) => process.kill(Number(pid), 'SIGKILL'),
      () => program.kill('SIGKILL'),
    );
    await ended;
    await rm(directory, { recursive: true, force: true });
    for (const cgroup of cgroups) await eventually(() => rmdirAll(cgroup), 5_000).catch(() => undefined);
  }

  try {
    await eventually(() => run('systemctl is-active basic.target'), BOOT_MS_MAX);
  } catch (error) {
    await close();
    throw error;
  }
  return { run, close };
}

/** Creates a control group in each hierarchy that systemd uses. */
async function createCgroups(): Promise<string[]> {
  const cgroups: string[] = [];
  for (const hierarchy of ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup/unified', '/sys/fs/cgroup']) {
    const isHierarchy = await readFile(join(hierarchy, 'cgroup.procs')).catch(() => null);
    if (isHierarchy === null) continue;
    const cgroup = join(hierarchy, `muster-test-${process.pid}`);
    await mkdir(cgroup);
    cgroups.push(cgroup);
  }
  return cgroups;
}

/** Removes a control group and all nested groups. The files of a group need not be removed. */
async function rmdirAll(cgroup: string): Promise<void> {
  const { stdout } = spawnSync('find', [cgroup, '-depth', '-type', 'd'], { encoding: 'utf8' });
  for (const directory of stdout.split('\n').filter((line) => line !== '')) await rmdir(directory);
}
