import { execFile, spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isAvailable } from '../is-available.js';
import { startCommand, type Program } from '../child-process.js';
import { createHttp } from '../http.js';
import { signalIfRunning } from '../proc.js';

const run = promisify(execFile);

const PROGRAMS = ['dockerd', 'docker', 'containerd', 'runc', 'busybox', 'unshare', 'ip', 'tar'];
/** The commands that the tests' containers run. */
const APPLETS = ['sh', 'sleep', 'true', 'false', 'test', 'touch', 'rm', 'httpd', 'cat', 'echo', 'nc'];
/** The image of all containers: busybox and links to it. */
const IMAGE = 'test/bb:1';
const SLEEP = ['sleep', '1d'];
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 30_000;

/** Returns whether a Docker engine can be started on this machine. If not, `isAvailable` reports the reason. */
export function hasDockerEngine(): boolean {
  const missing = PROGRAMS.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
  const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
  const reason = missing.length > 0 ? `no ${missing.join(', ')}` : isRoot ? null : 'not root on Linux';
  const how = 'apt-get install docker.io busybox-static iproute2 (needs root on Linux)';
  return isAvailable(reason && `a real Docker engine is not available (${reason}): ${how}`);
}

/** A real Docker engine. Its network, mounts, data and socket are separate from those of the machine. */
export type DockerEngine = Awaited<ReturnType<typeof startDockerEngine>>;

/**
 * By default, the engine does not use iptables. Its containers then have only networks in which they cannot find each
 * other by name.
 */
const WITHOUT_IPTABLES = ['--iptables=false', '--ip6tables=false'];

/** Starts an engine, and waits until it responds. `flags` are flags of dockerd. */
export async function startDockerEngine(flags: readonly string[] = WITHOUT_IPTABLES) {
  const dir = await mkdtemp(join(tmpdir(), 'muster-docker-'));
  const socketPath = join(dir, 'docker.sock');
  const dockerHost = `unix://${socketPath}`;
  const http = createHttp('http://docker', { socketPath });
  let daemon: Program | null = null;

  /** Runs Docker's command line, without the user's configuration, and returns its output. */
  async function docker(...args: string[]): Promise<string> {
    const env = { PATH: process.env['PATH'], DOCKER_HOST: dockerHost, DOCKER_CONFIG: dir };
    return (await run('docker', args, { env })).stdout.trim();
  }

  const remove = (...ids: string[]) => docker('rm', '--force', '--volumes', ...ids);

  const isAnswering = (): Promise<boolean> =>
    docker('version').then(
      () => true,
      () => false,
    );

  async function start(): Promise<void> {
    const started = (daemon = startDaemon(dir, socketPath, flags));
    const deadline = performance.now() + READY_MS_MAX;
    while (!(await isAnswering())) {
      if (!started.isRunning() || performance.now() > deadline) {
        throw new Error(`dockerd does not start:\n${(await readFile(join(dir, 'docker.log'), 'utf8')).slice(-2_000)}`);
      }
      await sleep(100);
    }
  }

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    daemon?.child.kill('SIGCONT');
    await daemon?.stop(signal, STOP_MS_MAX);
    daemon = null;
  }

  async function removeAll(): Promise<void> {
    await http.close();
    await endProcessesOf(dir);
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  try {
    // Without this file, the engine would use the machine's configuration file.
    await writeFile(join(dir, 'daemon.json'), '{}');
    await start();
    await docker('import', await createBusyboxImage(join(dir, 'image')), IMAGE);
  } catch (error) {
    await end('SIGKILL');
    await removeAll();
    throw error;
  }
  return {
    socketPath,
    /** The value of DOCKER_HOST for clients. */
    dockerHost,
    isAnswering,
    docker,
    /** Creates a container, with options of `docker create`, and returns its id. By default, it sleeps for a day. */
    create: (name: string, options: readonly string[] = [], command: readonly string[] = SLEEP) =>
      docker('create', '--name', name, ...options, IMAGE, ...command),
    /** Like `create`, and starts the container. */
    run: (name: string, options: readonly string[] = [], command: readonly string[] = SLEEP) =>
      docker('run', '--detach', '--name', name, ...options, IMAGE, ...command),
    remove,
    /** Returns the engine's response to a GET request. */
    get: async <T>(path: string): Promise<T> => JSON.parse((await http.send({ path })).text) as T,
    /** Stops the engine with SIGTERM, which also stops its containers. */
    stop: () => end('SIGTERM'),
    /** Kills the engine and its containers. After the next `restart`, the engine reports the containers as exited. */
    async kill(): Promise<void> {
      await end('SIGKILL');
      await endProcessesOf(dir);
    },
    /** Stops the engine if it is running, and starts it with its current data. */
    async restart(): Promise<void> {
      await end('SIGTERM');
      await start();
    },
    /** Freezes the engine's process with SIGSTOP. Its socket still accepts connections. */
    freeze: () => void daemon?.child.kill('SIGSTOP'),
    unfreeze: () => void daemon?.child.kill('SIGCONT'),
    /** Removes the containers, the engine and its data, and closes the client. */
    async close(): Promise<void> {
      try {
        // If the engine was killed, its containers may still run. Only a running engine can remove them completely, so
        // the engine is started again.
        if (daemon === null) await start();
        const ids = await docker('ps', '--all', '--quiet');
        if (ids !== '') await remove(...ids.split('\n'));
      } finally {
        await end('SIGTERM');
        await removeAll();
      }
    },
  };
}

/**
 * Starts dockerd in new network and mount namespaces, so that dockerd does not affect the machine's network and mounts.
 * `unshare` and `sh` replace themselves with dockerd, so the child's process id is the engine's.
 */
function startDaemon(dir: string, socketPath: string, flags: readonly string[]): Program {
  const paths = ['--data-root', join(dir, 'data'), '--exec-root', join(dir, 'exec'), '-p', join(dir, 'docker.pid')];
  const network = ['--bip', '172.31.230.1/24', ...flags];
  const config = ['-H', `unix://${socketPath}`, '--config-file', join(dir, 'daemon.json'), '--shutdown-timeout', '1'];
  // A killed engine leaves files with its process ids. While its ended processes still exist as zombies, dockerd does
  // not start unless these files are removed.
  const script = `ip link set lo up; rm -f "$0/docker.pid" "$0/exec/containerd/containerd.pid"
    exec dockerd "$@" >> "$0/docker.log" 2>&1`;
  return startCommand(['unshare', '--net', '--mount', 'sh', '-c', script, dir, ...config, ...paths, ...network]);
}

/** Ends the processes that a killed engine left: containerd, its shims, and the processes of containers. */
async function endProcessesOf(dir: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const pids = await processesOf(dir);
    if (pids.length === 0) return;
    for (const pid of pids) signalIfRunning(pid, attempt < 5 ? 'SIGTERM' : 'SIGKILL');
    await sleep(100);
  }
}

/** Returns the processes whose command line contains the engine's directory or whose mounts are in it. */
async function processesOf(dir: string): Promise<number[]> {
  const read = (pid: number, file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
  const pids: number[] = [];
  for (const pid of (await readdir('/proc')).map(Number).filter((each) => each > 0 && each !== process.pid)) {
    const isOwn = (await read(pid, 'cmdline')).includes(`${dir}/exec`);
    if (isOwn || (await read(pid, 'mountinfo')).includes(`${dir}/data`)) pids.push(pid);
  }
  return pids;
}

/** Creates a tar archive of a root file system: the machine's static busybox and a link for each applet. */
async function createBusyboxImage(dir: string): Promise<string> {
  await mkdir(join(dir, 'bin'), { recursive: true });
  await mkdir(join(dir, 'tmp'));
  const { stdout: path } = await run('sh', ['-c', 'command -v busybox']);
  await copyFile(path.trim(), join(dir, 'bin', 'busybox'));
  for (const applet of APPLETS) await symlink('busybox', join(dir, 'bin', applet));
  await run('tar', ['-C', dir, '-cf', `${dir}.tar`, '.']);
  return `${dir}.tar`;
}
