/**
 * The listeners: a process of its own, which is told over the IPC channel to listen to a server's live stream on many
 * connections, and tells what they heard.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Paths, type ContainerEvent } from '@muster/contracts';
import { latency, type Latency } from '@muster/testkit/report';

/** What the listeners are asked, and answer. */
export type ListenersRequest =
  | { ask: 'open'; port: number; key: string; count: number }
  /** What was heard since they were opened, or since this was asked before. */
  | { ask: 'heard' }
  | { ask: 'close' };
export type ListenersAnswer = { error: string } | { result: Heard | null };

export interface Heard {
  /** Changes of containers that each listener heard: the fewest, and the most. */
  changes: { fewest: number; most: number };
  /** All messages of all listeners. */
  messages: number;
  bytes: number;
  /** From a change's being recorded until a listener had heard of it, in ms. */
  delayMs: Latency;
}

/** How many are opened at once. */
const OPENING_MAX = 50;

let listeners: Listener[] = [];

process.on('message', (request: ListenersRequest) => {
  answer(request).then(
    (result) => process.send?.({ result } satisfies ListenersAnswer),
    (error: unknown) => process.send?.({ error: String(error) } satisfies ListenersAnswer),
  );
});
// The channel is this process's whole purpose: without it, it ends.
process.on('disconnect', () => process.exit());

async function answer(request: ListenersRequest): Promise<Heard | null> {
  switch (request.ask) {
    case 'open':
      while (listeners.length < request.count) {
        const count = Math.min(OPENING_MAX, request.count - listeners.length);
        listeners.push(...(await Promise.all(Array.from({ length: count }, () => listen(request)))));
      }
      return null;
    case 'heard':
      return takeHeard();
    case 'close':
      for (const { socket } of listeners) socket.destroy();
      listeners = [];
      return null;
  }
}

interface Listener {
  socket: Socket;
  isClosed: boolean;
  messages: number;
  changes: number;
  bytes: number;
  delaysMs: number[];
}

/** Opens one, and waits for its first message. */
async function listen({ port, key }: { port: number; key: string }): Promise<Listener> {
  const socket = connect({ port, host: '127.0.0.1' });
  const listener: Listener = { socket, isClosed: false, messages: 0, changes: 0, bytes: 0, delaysMs: [] };
  // Those that are opened first.
  const isTimed = listeners.length === 0;
  await once(socket, 'connect');
  const head = [`GET ${Paths.stream} HTTP/1.1`, 'Host: 127.0.0.1', `Authorization: Bearer ${key}`];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  let [rest, event] = ['', ''];
  const heard = new Promise<void>((resolve, reject) => {
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
        if (line.startsWith('event: ')) {
          event = line.slice('event: '.length).trimEnd();
        } else if (line.startsWith('data: ')) {
          listener.messages += 1;
          resolve();
          if (event !== 'container') continue;
          listener.changes += 1;
          // Some are enough to tell when all are told; to read them all would take the machine from who tells them.
          if (isTimed) listener.delaysMs.push(Date.now() - recordedAt(line.slice('data: '.length)));
        }
      }
    });
  });
  await heard;
  return listener;
}

const recordedAt = (data: string): number => Date.parse((JSON.parse(data) as ContainerEvent).recordedAt);

function takeHeard(): Heard {
  const closed = listeners.filter(({ isClosed }) => isClosed).length;
  if (closed > 0) throw new Error(`${closed} of ${listeners.length} streams have ended`);
  const changes = listeners.map((listener) => listener.changes);
  const sum = (of: (listener: Listener) => number) => listeners.reduce((total, listener) => total + of(listener), 0);
  const heard = {
    changes: { fewest: Math.min(...changes), most: Math.max(...changes) },
    messages: sum(({ messages }) => messages),
    bytes: sum(({ bytes }) => bytes),
    delayMs: latency(listeners.flatMap(({ delaysMs }) => delaysMs)),
  };
  for (const listener of listeners) Object.assign(listener, { changes: 0, messages: 0, bytes: 0, delaysMs: [] });
  return heard;
}
