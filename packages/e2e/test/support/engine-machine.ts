import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startCommand } from '@muster/testkit';

/**
 * A simulated machine with an engine. Shell commands run on it as an operator would type them. The machine has its own
 * network, in which the API has its usual address, and its own `/run`.
 */
export interface EngineMachine {
  /** Runs a shell command. `sudo` and `systemctl` are scripts. */
  run: (command: string) => Promise<{ code: number | null; stdout: string; stderr: string }>;
  close(): Promise<void>;
}

const LINK_END = fileURLToPath(new URL('../integration/link-end.js', import.meta.url));

/** Starts Podman's socket as systemd does. All other units have no effect. */
const SYSTEMCTL = `#!/bin/sh
case "$*" in
  *enable*podman.socket*)
    mkdir -p /run/podman
    podman system service --time=0 unix:///run/podman/podman.sock >/dev/null 2>&1 &
    echo $! >/run/podman.pid
    for _ in 1 2 3 4 5 6 7 8 9 10; do [ -S /run/podman/podman.sock ] || sleep 0.5; done
    # SocketMode= of podman.socket.
    chmod 660 /run/podman/podman.sock
    ;;
esac
`;

/**
 * Turns the namespaces of a process into a machine. The shell command `setup` runs in the namespaces first, as root.
 */
async function openEngineMachine(
  pid: number,
  options: { dir: string; apiUrl: string; setup: string; env?: Record<string, string> },
): Promise<EngineMachine> {
  const { dir, apiUrl, setup, env = {} } = options;
  const bin = join(dir, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'sudo'), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
  await writeFile(join(bin, 'systemctl'), SYSTEMCTL, { mode: 0o755 });
  const enter = ['nsenter', '--target', String(pid), '--mount', '--net'];
  async function run(command: string) {
    const variables = { PATH: `${bin}:${process.env['PATH']}`, HOME: dir, ...env };
    const program = startCommand([...enter, 'sh', '-c', command], { env: variables });
    return { code: await program.ended, stdout: program.stdout(), stderr: program.stderr() };
  }
  const prepared = await run(`set -e; ip link set lo up; mount -t tmpfs tmpfs /run; ${setup}`);
  if (prepared.code !== 0) throw new Error(`the machine could not be prepared: ${prepared.stderr}`);
  const relay = await relayApi(pid, apiUrl, join(dir, 'api.sock'));
  return { run, close: () => relay.close() };
}

/** Makes the API reachable in the network of a process, at the same port of the loopback interface. */
async function relayApi(pid: number, apiUrl: string, socketPath: string): Promise<{ close(): Promise<void> }> {
  const { hostname, port } = new URL(apiUrl);
  const server = createServer((from) => {
    const to = connect(Number(port), hostname);
    from.on('error', () => to.destroy());
    to.on('error', () => from.destroy());
    from.pipe(to).pipe(from);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const args = ['--target', String(pid), '--net', process.execPath, LINK_END, port, socketPath];
  const near = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(near.stdout, 'data');
  return {
    async close() {
      await end(near);
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, 'close');
  child.kill('SIGKILL');
  await ended;
}

/** Opens a machine with this Docker engine. */
export async function openDockerMachine(socketPath: string, dir: string, apiUrl: string): Promise<EngineMachine> {
  const pid = Number(await readFile(join(socketPath, '../docker.pid'), 'utf8'));
  const setup = `touch /run/docker.sock; mount --bind '${socketPath}' /run/docker.sock`;
  return openEngineMachine(pid, { dir, apiUrl, setup });
}

/** Opens a machine with Podman, whose containers and settings are in `dir`. No container runs yet. */
export async function openPodmanMachine(dir: string, apiUrl: string): Promise<EngineMachine> {
  const [containers, storage] = [join(dir, 'containers.conf'), join(dir, 'storage.conf')];
  await writeFile(
    containers,
    '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\n' +
      `volume_path = "${dir}/volumes"\n` +
      // Podman's default limits may be higher than this machine's.
      '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n',
  );
  await writeFile(storage, `[storage]\ndriver = "vfs"\ngraphroot = "${dir}/storage"\nrunroot = "/run/containers"\n`);
  // This process keeps the namespaces alive.
  const holder = spawn('unshare', ['--net', '--mount', 'sh', '-c', 'echo ready; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(holder.stdout, 'data');
  const machine = await openEngineMachine(holder.pid!, {
    dir,
    apiUrl,
    setup: ':',
    env: { CONTAINERS_CONF: containers, CONTAINERS_STORAGE_CONF: storage },
  });
  return {
    run: machine.run,
    async close() {
      await machine.run('podman rm --all --force --time 0; kill "$(cat /run/podman.pid)"');
      await machine.close();
      await end(holder);
    },
  };
}
