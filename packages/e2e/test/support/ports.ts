import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** A range below the ports that Linux assigns to outgoing connections and to servers that listen on any port. */
const [PORT_MIN, PORT_END] = [10_000, 32_000];

/** Returns whether no program listens on this port of the loopback interface. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/**
 * Returns the first of `count` consecutive free ports of the loopback interface. No other program gets these ports
 * before the caller uses them, or while the caller's program restarts, unless it also asks for exactly these ports.
 */
export async function freePort(count = 1): Promise<number> {
  for (;;) {
    const port = randomInt(PORT_MIN, PORT_END);
    const checks = await Promise.all(Array.from({ length: count }, (_, offset) => isFree(port + offset)));
    if (checks.every(Boolean)) return port;
  }
}
