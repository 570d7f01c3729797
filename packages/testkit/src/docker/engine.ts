import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDockerClient, type DockerClient } from './client.js';
import { busyboxImageTar } from './image.js';

/** How to get what `startDockerEngine` needs. */
export const DOCKER_HINT = 'apt-get install docker.io busybox-static iproute2 (needs root on Linux)';

/** The image that every engine started here has: busybox and its links. */
export const TEST_IMAGE = 'test/bb:1';

const PROGRAMS = ['dockerd', 'containerd', 'runc', 'busybox', 'unshare', 'ip', 'tar'];
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 30_000;

/** Why no Docker engine can be started on this machine, in one line that says how to get one; null: it can. */
export function dockerEngineUnavailable(): string | null {
  const missing = PROGRAMS.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
  if (process.platform === 'linux' && process.getuid?.() === 0 && missing.length === 0) return null;
  const why = missing.length > 0 ? `no ${missing.join(', ')}` : 'not root on Linux';
  return `a real Docker engine is not available (${why}): ${DOCKER_HINT}`;
}

/** A real Docker engine of the test's own: its own network, mounts, data and socket, nothing of the machine's. */
export interface DockerEngine extends DockerClient {
  readonly socketPath: string;
  /** As a value of DOCKER_HOST. */
  readonly dockerHost: string;
  /** Ends the engine as a system does; its containers are stopped with it. */
  stop(): Promise<void>;
  /** Ends the engine's process without warning. The engine that is started next finds its containers exited. */
  kill(): Promise<void>;
  /** Starts it again, with the data that it had. */
  restart(): Promise<void>;
  /** Halts the engine's process: its socket still accepts, and answers nothing. */
  freeze(): void;
  thaw(): void;
  /** Removes containers, engine and data. */
  close(): Promise<void>;
}

/** Starts an engine and waits until it answers. Throws what `dockerEngineUnavailable` says where it cannot. */
export async function startDockerEngine(): Promise<DockerEngine> {
  const unavailable = dockerEngineUnavailable();
  if (unavailable !== null) throw new Error(unavailable);
  const dir = await mkdtemp(join(tmpdir(), 'muster-docker-'));
  const socketPath = join(dir, 'docker.sock');
  const client = createDockerClient(socketPath);
  let daemon: ChildProcess | null = null;

  async function start(): Promise<void> {
    daemon = launch(dir, socketPath);
    const exited = exitOf(daemon);
    const until = performance.now() + READY_MS_MAX;
    while (performance.now() < until) {
      if (await client.isAnswering()) return;
      if ((await Promise.race([exited, sleep(100, 'running')])) !== 'running') break;
    }
    throw new Error(`dockerd does not start:\n${(await readFile(join(dir, 'docker.log'), 'utf8')).slice(-2_000)}`);
  }

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (daemon === null) return;
    const exited = exitOf(daemon);
    daemon.kill('SIGCONT');
    daemon.kill(signal);
    const timely = await Promise.race([exited.then(() => true), sleep(STOP_MS_MAX, false, { ref: false })]);
    if (!timely) daemon.kill('SIGKILL');
    await exited;
    daemon = null;
  }

  async function close(): Promise<void> {
    try {
      // Containers of an engine that was killed still run; only an engine can end them with all that they hold.
      if (daemon === null) await start();
      await client.removeAllContainers();
    } finally {
      await end('SIGTERM');
      await endProcessesOf(dir);
      await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
  }

  try {
    // The machine's own configuration is not this engine's.
    await writeFile(join(dir, 'daemon.json'), '{}');
    await start();
    await client.importImage(TEST_IMAGE, await busyboxImageTar(join(dir, 'image')));
  } catch (error) {
    await end('SIGKILL');
    await endProcessesOf(dir);
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    throw error;
  }
  return {
    ...client,
    socketPath,
    dockerHost: `unix://${socketPath}`,
    stop: () => end('SIGTERM'),
    kill: async () => {
      await end('SIGKILL');
      await endProcessesOf(dir);
    },
    restart: async () => {
      await end('SIGTERM');
      await start();
    },
    freeze: () => void daemon?.kill('SIGSTOP'),
    thaw: () => void daemon?.kill('SIGCONT'),
    close,
  };
}

/**
 * dockerd in network and mount namespaces of its own, so that it neither sees nor changes the machine's. `unshare`
 * and `sh` replace themselves by it, so that the child's process id is the engine's.
 */
function launch(dir: string, socketPath: string): ChildProcess {
  const flags = [
    ...['-H', `unix://${socketPath}`, '--data-root', join(dir, 'data'), '--exec-root', join(dir, 'exec')],
    ...[
      '-p',
      join(dir, 'docker.pid'),
      '--config-file',
      join(dir, 'daemon.json'),
      '--iptables=false',
      '--ip6tables=false',
    ],
    ...['--bip', '172.31.230.1/24', '--shutdown-timeout', '1'],
  ];
  // An engine that was killed leaves files that name its and its containerd's process; both are gone by now, but a
  // process that nobody waits for still looks alive.
  const script = 'ip link set lo up; rm -f "$0/docker.pid" "$0/exec/containerd/containerd.pid"; exec dockerd "$@"';
  const child = spawn('unshare', ['--net', '--mount', 'sh', '-c', script, dir, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = createWriteStream(join(dir, 'docker.log'), { flags: 'a' });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  child.once('exit', () => log.end());
  return child;
}

const exitOf = (child: ChildProcess): Promise<unknown> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => void child.once('exit', resolve));

/** Ends what an engine left behind: its containerd, its shims and what ran in its containers. */
async function endProcessesOf(dir: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const pids = await processesOf(dir);
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(pid, attempt < 5 ? 'SIGTERM' : 'SIGKILL');
      } catch {
        // Ended by itself in the meantime.
      }
    }
    await sleep(100);
  }
}

/** The processes that name the engine's directory in their command line, or have one of its file systems mounted. */
async function processesOf(dir: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const read = (pid: number, file: string): Promise<string> => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '');
  const own = await Promise.all(
    pids.map(async (pid) => {
      const [commandLine, mounts] = await Promise.all([read(pid, 'cmdline'), read(pid, 'mountinfo')]);
      return pid !== process.pid && (commandLine.includes(`${dir}/exec`) || mounts.includes(`${dir}/data`))
        ? [pid]
        : [];
    }),
  );
  return own.flat();
}
