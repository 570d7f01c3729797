import { readFile } from 'node:fs/promises';
import { eventually, startCommand, type Program } from '@muster/testkit';

/** A machine with its own processes, network and files. At first, no program runs on the machine. */
export interface Machine {
  /** Starts a command on the machine. */
  start(command: readonly string[]): Program;
  /** Runs a command on the machine, and returns its output. Throws if the command fails. */
  run(command: readonly string[]): Promise<string>;
  /** Ends all processes at once, as a power cut does. */
  cutPower(): Promise<void>;
}

/** The PATH of the machine's processes. */
const PATH = '/usr/sbin:/usr/bin';

/**
 * The script of the machine's first process. A container engine needs a real `pivot_root`: with `chroot`, its
 * containers would see the files of the real machine. Finally, the script executes catatonit, which only collects ended
 * processes. Changes of the root file system stay in memory, so that the next machine boots from the same files.
 */
const BOOT = `set -e
  root=$0 shared=$1
  ip link set lo up
  mount -t tmpfs tmpfs /mnt
  mkdir /mnt/root /mnt/written /mnt/work
  mount -t overlay -o "lowerdir=$root,upperdir=/mnt/written,workdir=/mnt/work" overlay /mnt/root
  cd /mnt/root
  mkdir -p proc sys dev run tmp mnt root
  mount -t proc proc proc
  mount -t sysfs sysfs sys
  mount --rbind /sys/fs/cgroup sys/fs/cgroup
  mount --rbind /dev dev
  mount -t tmpfs tmpfs run
  mount -t tmpfs tmpfs tmp
  mkdir -p ".$shared"
  mount --bind "$shared" ".$shared"
  pivot_root . mnt
  exec busybox chroot . /usr/bin/sh -c 'busybox umount -l /mnt; echo booted; exec catatonit -P'`;

/**
 * Boots a machine with the files in `root`. The directory `shared` has the same path inside and outside the machine,
 * and survives a power cut. `env` contains variables for all commands.
 */
export async function bootMachine(
  root: string,
  shared: string,
  env: Readonly<Record<string, string>>,
): Promise<Machine> {
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--propagation', 'private'];
  const holder = startCommand(['unshare', ...namespaces, 'sh', '-c', BOOT, root, shared]);
  const pid = await eventually(async () => {
    if (!holder.isRunning()) throw new Error(`the machine does not boot: ${holder.stderr()}`);
    if (!holder.stdout().includes('booted')) throw new Error(`the machine is still booting: ${holder.stderr()}`);
    return (await readFile(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8')).trim();
  }).catch(async (error: unknown) => {
    await holder.stop('SIGKILL');
    throw error;
  });
  const start = (command: readonly string[]): Program =>
    startCommand(['nsenter', '--target', pid, '--mount', '--net', '--pid', '--root', '--wd', ...command], {
      env: { PATH: `${PATH}:${process.env['PATH']}`, HOME: '/root', ...env },
    });
  return {
    start,
    async run(command) {
      const program = start(command);
      const code = await program.ended;
      if (code !== 0) throw new Error(`${command.join(' ')}: ${code}: ${program.stderr()}`);
      return program.stdout().trim();
    },
    cutPower: async () => void (await holder.stop('SIGKILL')),
  };
}
