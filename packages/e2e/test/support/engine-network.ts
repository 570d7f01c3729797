import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eventually, startCommand, type DockerEngine, type Program } from '@muster/testkit';

const RELAY = fileURLToPath(new URL('relay.js', import.meta.url));

export interface Relay {
  /** The TCP port on which the relay listens. */
  readonly port: number;
  close(): Promise<unknown>;
}

/**
 * Forwards connections from `from` to `to`. Each address is the path of a Unix socket or HOST:PORT. With `engine`, each
 * HOST:PORT is in the network of the engine's containers, and a Unix socket connects that network to the machine.
 */
export async function startRelay(from: string, to: string, engine?: DockerEngine): Promise<Relay> {
  const through = engine === undefined ? [] : ['nsenter', `--net=/proc/${await pidOf(engine)}/ns/net`];
  const relay = startCommand([...through, process.execPath, RELAY, from, to]);
  return { port: await listeningPort(relay), close: () => relay.stop('SIGKILL') };
}

/** Returns the process id of the engine, whose containers are connected to its network namespace. */
const pidOf = async ({ socketPath }: DockerEngine): Promise<number> =>
  Number(await readFile(join(dirname(socketPath), 'docker.pid'), 'utf8'));

const listeningPort = (relay: Program): Promise<number> =>
  eventually(() => {
    const port = /^\d+$/m.exec(relay.stdout())?.[0];
    if (port === undefined) throw new Error(`the relay does not listen: ${relay.stderr()}`);
    return Number(port);
  });
