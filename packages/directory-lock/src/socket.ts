/**
 * Unix sockets that detect whether a lock's holder is alive. The kernel accepts connections as long as the listening
 * process exists, even if it is busy or stopped, and refuses them as soon as the process is gone.
 */
import { createConnection, createServer, type Server } from 'node:net';

/** Listens on `path` and closes every connection. Does not keep the process alive. */
export function listenAt(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', reject);
    server.listen(path, () => {
      server.removeListener('error', reject);
      // Failing to accept a connection (too many open files) does not affect the lock.
      server.on('error', () => undefined);
      server.unref();
      resolve(server);
    });
  });
}

/** The state of a socket file's owner. */
export type SocketState = 'alive' | 'dead' | 'absent';

/**
 * Checks whether a process listens at `path`. Only a connection refused by the kernel means that the owner is dead.
 * After any other failure, such as a full backlog or a denied permission, the owner may be alive and keeps its lock.
 */
export function probeSocket(path: string): Promise<SocketState> {
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
