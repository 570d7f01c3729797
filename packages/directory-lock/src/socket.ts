/**
 * Unix sockets as proof of life: the kernel answers a connection for as long as the process that listens exists,
 * also while it is busy or stopped, and refuses it from the moment at which the process is gone.
 */
import { createConnection, createServer, type Server } from 'node:net';

/** Listens on `path`, closing whatever connects; does not keep the process alive. */
export function listenAt(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', reject);
    server.listen(path, () => {
      server.removeListener('error', reject);
      // A connection that cannot be accepted (too many open files) takes nothing from the lock.
      server.on('error', () => undefined);
      server.unref();
      resolve(server);
    });
  });
}

/** What a connection to a socket file says about its owner. */
export type Pulse = 'alive' | 'dead' | 'absent';

/**
 * Whether somebody listens at `path`. Only the kernel's refusal means death: any other failure (a full backlog, a
 * socket of another user) may come from a living owner, who must not be robbed.
 */
export function feelPulse(path: string): Promise<Pulse> {
  return new Promise((resolve) => {
    const connection = createConnection(path);
    connection.once('connect', () => {
      connection.destroy();
      resolve('alive');
    });
    connection.once('error', (error: NodeJS.ErrnoException) => {
      connection.destroy();
      if (error.code === 'ECONNREFUSED') resolve('dead');
      else if (error.code === 'ENOENT') resolve('absent');
      else resolve('alive');
    });
  });
}
