import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [NEAR, FAR] = ['10.231.0.1', '10.231.0.2'];

/**
 * The port of the near end. The port is always free, because no other process is in the near end's network namespace.
 */
const PORT = 3_000;

/** A network link between the API and a simulated remote machine. Tests can cut the link. */
export interface Link {
  /** The API's URL on the remote machine. */
  readonly url: string;
  /** A command prefix that runs a program on the remote machine. */
  readonly through: readonly string[];
  /** Drops all packets without closing any connection, like an unplugged cable. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/**
 * Creates two network namespaces, and connects them only to each other with a veth pair. The near namespace forwards
 * connections to the API at `apiUrl` through a Unix socket in `dir`. Requires root on Linux.
 */
export async function startLink(apiUrl: string, dir: string): Promise<Link> {
  const socketPath = join(dir, 'link.sock');
  const api = new URL(apiUrl);
  const open = new Set<Socket>();
  const handOver = createServer((from) => {
    const to = connect(Number(api.port), api.hostname);
    from.pipe(to).pipe(from);
    for (const [socket, other] of [
      [from, to],
      [to, from],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => open.delete(socket));
    }
  });
  await new Promise<void>((resolve) => handOver.listen(socketPath, resolve));
  const end = fileURLToPath(new URL('link-end.js', import.meta.url));
  const near = spawn('unshare', ['--net', process.execPath, end, String(PORT), socketPath], { stdio: PIPED });
  // The only purpose of this process is to keep the namespace alive.
  const far = spawn('unshare', ['--net', 'sh', '-c', 'echo ready; exec cat'], { stdio: PIPED });
  await Promise.all([near, far].map(({ stdout }) => once(stdout, 'data')));
  const within = ({ pid }: ChildProcess, ...command: string[]): void =>
    void execFileSync('nsenter', [`--net=/proc/${pid}/ns/net`, ...command], { stdio: ['ignore', 'ignore', 'pipe'] });
  within(far, ...['ip', 'link', 'add', 'far', 'type', 'veth', 'peer', 'name', 'near', 'netns', String(near.pid)]);
  for (const [of, device, address] of [
    [near, 'near', NEAR],
    [far, 'far', FAR],
  ] as const) {
    within(of, 'ip', 'address', 'add', `${address}/24`, 'dev', device);
    within(of, 'ip', 'link', 'set', device, 'up');
  }
  return {
    url: `http://${NEAR}:${PORT}`,
    through: ['nsenter', `--net=/proc/${far.pid}/ns/net`],
    cut: () => within(near, 'ip', 'link', 'set', 'near', 'down'),
    mend: () => within(near, 'ip', 'link', 'set', 'near', 'up'),
    async close() {
      for (const child of [near, far]) {
        child.kill('SIGKILL');
        await once(child, 'close');
      }
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => void handOver.close(resolve));
    },
  };
}

const PIPED: ['pipe', 'pipe', 'inherit'] = ['pipe', 'pipe', 'inherit'];
