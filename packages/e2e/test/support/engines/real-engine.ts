import { access, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually, startCommand, type Program } from '@muster/testkit';
import { bootMachine, type Machine } from './machine.js';
import type { EngineRelease } from './engine-files.js';

/** The image of all containers: busybox and links to it. */
export const IMAGE = 'localhost/test/bb:1';
const APPLETS = ['sh', 'sleep', 'true', 'false', 'test', 'touch', 'rm'];

/** An engine in its own simulated machine (see machine.ts). */
export interface RealEngine {
  /** The version that the engine reports. */
  readonly version: string;
  /** The value of DOCKER_HOST for clients. */
  readonly dockerHost: string;
  /** Runs the engine's command line (`docker` or `podman`), and returns its output. */
  cli(...args: string[]): Promise<string>;
  /** Starts a command on the engine's machine. */
  start(command: readonly string[]): Program;
  /** Runs a command on the engine's machine, and returns its output. Throws if the command fails. */
  run(command: readonly string[]): Promise<string>;
  /** Stops the engine like a service manager, and restarts it. */
  restart(): Promise<void>;
  /** Ends the engine and all containers at once, as a power cut does, and boots the machine again. */
  cutPower(): Promise<void>;
  close(): Promise<void>;
}

/** Starts an engine. `files` are its files, and `dir` is an empty directory for its data. */
export async function startRealEngine(
  { name }: Pick<EngineRelease, 'name'>,
  files: string,
  dir: string,
): Promise<RealEngine> {
  const socket = join(dir, 'engine.sock');
  const [program, server, env] = await (name === 'Docker' ? prepareDocker : preparePodman)(dir, socket);
  let machine: Machine | undefined;
  let engine: Program | undefined;

  const cli = (...args: string[]): Promise<string> => machine!.run([program, ...args]);

  /** The ids of all containers and pods that existed before a power cut. */
  const groupIds = new Set<string>();

  /**
   * Ends the machine, even if the engine no longer answers, and removes the cgroups of its containers and pods from the
   * test machine.
   */
  async function cutPower(): Promise<void> {
    const lists = [['ps', '--all'], ...(name === 'Podman' ? [['pod', 'ps']] : [])];
    for (const list of lists) {
      const ids = await cli(...list, '--quiet', '--no-trunc').catch(() => '');
      for (const id of ids.split('\n')) if (id !== '') groupIds.add(id);
    }
    await machine!.cutPower();
    await engine?.ended;
    await removeCgroups(groupIds);
  }

  /** Starts the engine, and waits until it answers. Its process id is in `/run/engine.pid`. */
  async function start(): Promise<void> {
    const script = `rm -f '${socket}'; echo $$ >/run/engine.pid; exec "$@" >>'${dir}/engine.log' 2>&1`;
    const started = (engine = machine!.start(['sh', '-c', script, 'sh', ...server]));
    await eventually(async () => {
      if (!started.isRunning()) throw new Error(`the engine does not start: ${dir}/engine.log`);
      await access(socket);
      await cli('version');
    }, 60_000);
  }

  async function boot(): Promise<void> {
    machine = await bootMachine(files, dir, env);
    await start();
  }

  try {
    await boot();
    await cli('import', await createImage(files, dir), IMAGE);
  } catch (error) {
    if (machine !== undefined) await cutPower();
    throw error;
  }
  return {
    version: await cli('version', '--format', '{{.Server.Version}}'),
    dockerHost: `unix://${socket}`,
    cli,
    start: (command) => machine!.start(command),
    run: (command) => machine!.run(command),
    async restart() {
      await machine!.run(['sh', '-c', 'kill -TERM "$(cat /run/engine.pid)"']);
      await engine!.ended;
      await start();
    },
    async cutPower() {
      await cutPower();
      await boot();
    },
    close: cutPower,
  };
}

/** Removes the cgroups of containers and pods. Engines create these cgroups below the cgroups of the test machine. */
async function removeCgroups(ids: ReadonlySet<string>): Promise<void> {
  const paths = [...ids].flatMap((id) => ['-o', '-path', `*${id}*`]).slice(1);
  if (paths.length === 0) return;
  // The common cgroup of an engine's containers is removed with the last container.
  const remove = 'rmdir "$1" && rmdir --ignore-fail-on-non-empty "$(dirname "$1")" || true';
  const find = ['find', '/sys/fs/cgroup', '-depth', '-type', 'd', '(', ...paths, ')'];
  // Killed processes end with a short delay.
  await eventually(async () => {
    await startCommand([...find, '-exec', 'sh', '-c', remove, 'sh', '{}', ';']).ended;
    const rest = startCommand([...find, '-print', '-quit']);
    await rest.ended;
    if (rest.stdout() !== '') throw new Error(`a cgroup is in use: ${rest.stdout()}`);
  });
}

/** The engine's command line, the command that starts the engine, and the variables of both commands. */
type Commands = readonly [program: string, server: readonly string[], env: Readonly<Record<string, string>>];

async function prepareDocker(dir: string, socket: string): Promise<Commands> {
  await writeFile(join(dir, 'daemon.json'), '{}');
  const paths = ['--data-root', join(dir, 'data'), '--exec-root', '/run/docker', '--pidfile', '/run/docker.pid'];
  const config = ['-H', `unix://${socket}`, '--config-file', join(dir, 'daemon.json'), '--shutdown-timeout', '1'];
  // With these options, the engine needs no firewall, but containers cannot find each other by name.
  const network = ['--bip', '172.31.230.1/24', '--iptables=false', '--ip6tables=false'];
  const server = ['dockerd', ...config, ...paths, ...network, '--storage-driver', 'vfs'];
  return ['docker', server, { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: dir }];
}

async function preparePodman(dir: string, socket: string): Promise<Commands> {
  await writeFile(
    join(dir, 'containers.conf'),
    `[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
helper_binaries_dir = ["/usr/libexec/podman", "/usr/lib/podman", "/usr/bin"]
volume_path = "${dir}/volumes"
[network]
network_backend = "netavark"
[containers]
# Podman's default limits may be higher than this machine's.
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
`,
  );
  await writeFile(
    join(dir, 'storage.conf'),
    `[storage]\ndriver = "vfs"\ngraphroot = "${dir}/storage"\nrunroot = "/run/containers"\n`,
  );
  return [
    'podman',
    ['podman', 'system', 'service', '--time=0', `unix://${socket}`],
    {
      CONTAINERS_CONF: join(dir, 'containers.conf'),
      CONTAINERS_STORAGE_CONF: join(dir, 'storage.conf'),
      PODMAN_IGNORE_CGROUPSV1_WARNING: '1',
    },
  ];
}

/** Creates a tar archive of a root file system: busybox and a link for each of its programs. */
async function createImage(files: string, dir: string): Promise<string> {
  const root = join(dir, 'image');
  await mkdir(join(root, 'bin'), { recursive: true });
  await mkdir(join(root, 'tmp'));
  await copyFile(join(files, 'usr/bin/busybox'), join(root, 'bin/busybox'));
  for (const applet of APPLETS) await symlink('busybox', join(root, 'bin', applet));
  const tar = startCommand(['tar', '-C', root, '-cf', `${root}.tar`, '.']);
  if ((await tar.ended) !== 0) throw new Error(tar.stderr());
  return `${root}.tar`;
}
