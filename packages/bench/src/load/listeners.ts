/** A process that listens to a server's live stream on many connections, and counts what it receives. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { Paths, type ContainerEvent } from '@muster/contracts';
import { createLatencies, latencyOf, recordLatency } from '@muster/fleet';
import { serveCalls } from '@muster/testkit';

type Listener = Awaited<ReturnType<typeof listen>>;

/**
 * Maximum number of listeners that are opened concurrently. Only the first group measures delays, because parsing
 * messages costs CPU time.
 */
const OPENING_MAX = 50;

let listeners: Listener[] = [];
const delays = createLatencies();

const handlers = {
  async open({ port, key, count }: { port: number; key: string; count: number }): Promise<void> {
    while (listeners.length < count) {
      const length = Math.min(OPENING_MAX, count - listeners.length);
      const isTimed = listeners.length === 0;
      listeners.push(...(await Promise.all(Array.from({ length }, () => listen(port, key, isTimed)))));
    }
  },
  /** Returns what all listeners received since they were opened, or since the last call. */
  takeReceived() {
    const closed = listeners.filter(({ isClosed }) => isClosed).length;
    if (closed > 0) throw new Error(`${closed} of ${listeners.length} streams have ended`);
    const changes = listeners.map((listener) => listener.changes);
    const sum = (of: (listener: Listener) => number) => listeners.reduce((total, listener) => total + of(listener), 0);
    const received = {
      /** The smallest and the largest number of container changes that a listener received. */
      changes: { fewest: Math.min(...changes), most: Math.max(...changes) },
      messages: sum(({ messages }) => messages),
      bytes: sum(({ bytes }) => bytes),
      /** Milliseconds from the recording of a change until a listener received it. */
      delayMs: latencyOf(delays),
    };
    for (const listener of listeners) Object.assign(listener, { changes: 0, messages: 0, bytes: 0 });
    delays.reset();
    return received;
  },
  close(): void {
    for (const { socket } of listeners) socket.destroy();
    listeners = [];
  },
};
export type ListenersHandlers = typeof handlers;

serveCalls(handlers);

/** Opens a stream, and waits for its first message. */
async function listen(port: number, key: string, isTimed: boolean) {
  const socket = connect({ port, host: '127.0.0.1' });
  const listener = { socket, isClosed: false, messages: 0, changes: 0, bytes: 0 };
  await once(socket, 'connect');
  socket.write(`GET ${Paths.stream} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${key}\r\n\r\n`);
  let [rest, event] = ['', ''];
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => {
      listener.isClosed = true;
      reject(new Error(`a stream has ended: ${rest.slice(0, 300)}`));
    });
    socket.on('data', (chunk: Buffer) => {
      listener.bytes += chunk.length;
      const lines = (rest + chunk.toString('latin1')).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        if (line.startsWith('event: ')) event = line.slice('event: '.length).trimEnd();
        if (!line.startsWith('data: ')) continue;
        listener.messages += 1;
        resolve();
        if (event !== 'container') continue;
        listener.changes += 1;
        if (!isTimed) continue;
        const { recordedAt } = JSON.parse(line.slice('data: '.length)) as ContainerEvent;
        recordLatency(delays, Date.now() - Date.parse(recordedAt));
      }
    });
  });
  return listener;
}
