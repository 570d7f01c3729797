/** Hostile requests: bodies and heads that need more resources of the server than of the client. */
import { createGzip, gzipSync } from 'node:zlib';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const MIB = 1_024 * 1_024;

/** A nesting depth that overflows the stack of a recursive parser. */
const DEPTH = 10_000;

/** One GiB of zeros, which gzip compresses to one MiB. */
async function gzipBomb(): Promise<Buffer> {
  const gzip = createGzip({ level: 6 });
  const chunks: Buffer[] = [];
  gzip.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = once(gzip, 'end');
  const zeros = Buffer.alloc(MIB);
  for (let i = 0; i < 1_024; i++) if (!gzip.write(zeros)) await once(gzip, 'drain');
  gzip.end();
  await ended;
  return Buffer.concat(chunks);
}

/** Returns a copy of gzip data with a false uncompressed size in the trailer. */
function withFalseSize(bomb: Buffer, plainBytes: number): Buffer {
  const copy = Buffer.from(bomb);
  copy.writeUInt32LE(plainBytes, copy.length - 4);
  return copy;
}

export interface HostileBody {
  name: string;
  body: Buffer;
  gzip: boolean;
}

/** Hostile bodies for every route that accepts a body. */
export async function hostileBodies(): Promise<HostileBody[]> {
  const bomb = await gzipBomb();
  const plain = (name: string, body: string): HostileBody => ({ name, body: Buffer.from(body), gzip: false });
  const zipped = (name: string, body: Buffer): HostileBody => ({ name, body, gzip: true });
  const item = '{"dockerId":"a","name":"a","image":"a","state":"running"}';
  const fillArray = (unit: string) =>
    `[${Array.from({ length: Math.floor((9 * MIB) / (unit.length + 1)) }, () => unit).join()}]`;
  return [
    zipped('a gibibyte in a mebibyte', bomb),
    zipped('a gibibyte with a trailer that states 100 bytes', withFalseSize(bomb, 100)),
    zipped('a gibibyte with a trailer that states the maximum', withFalseSize(bomb, 10 * MIB)),
    zipped('not gzip', Buffer.from('[]')),
    zipped('half a gzip', gzipSync('[]'.padEnd(MIB)).subarray(0, 100)),
    plain(`${DEPTH} nested arrays`, '['.repeat(DEPTH) + ']'.repeat(DEPTH)),
    plain(`${DEPTH} nested objects`, '{"a":'.repeat(DEPTH) + '1' + '}'.repeat(DEPTH)),
    plain(
      'labels nested as deeply',
      `[{"dockerId":"a","name":"a","image":"a","state":"a","labels":${'{"a":'.repeat(DEPTH)}1${'}'.repeat(DEPTH + 1)}]`,
    ),
    plain('9 MiB of empty arrays', fillArray('[]')),
    plain('9 MiB of zeros', fillArray('0')),
    plain('9 MiB of one repeated container', fillArray(item)),
    plain('9 MiB of bad containers', fillArray('{"dockerId":""}')),
    plain('9 MiB of bad ports', `[{"dockerId":"a","name":"a","image":"a","state":"a","ports":${fillArray('{}')}}]`),
    plain(
      '9 MiB of labels',
      `[{"dockerId":"a","name":"a","image":"a","state":"a","labels":{${Array.from({ length: 500_000 }, (_, i) => `"k${i}":""`).join()}}}]`,
    ),
    plain('9 MiB of spaces', `${' '.repeat(9 * MIB)}[]`),
    plain('9 MiB of one string', JSON.stringify('\u0001'.repeat((9 * MIB) / 6))),
    plain('half a body of JSON', fillArray(item).slice(0, 5 * MIB)),
    plain('20 MiB', fillArray(item).padEnd(20 * MIB)),
    { name: 'bytes that are not UTF-8', body: Buffer.alloc(MIB, 0xff), gzip: false },
  ];
}

/** Request heads that no legitimate client sends. */
export const hostileHeads = (): { name: string; head: string }[] => {
  const lines = (...more: string[]) => ['GET /api/hosts HTTP/1.1', 'Host: x', ...more, '', ''].join('\r\n');
  const many = (count: number, value: string) => Array.from({ length: count }, (_, i) => `x-${i}: ${value}`);
  return [
    { name: '100,000 headers', head: lines(...many(100_000, 'a')) },
    { name: '1,900 short headers', head: lines(...many(1_000, '')) },
    { name: 'a header of 10 MiB', head: lines(`x: ${'a'.repeat(10 * MIB)}`) },
    { name: 'a path of 1 MiB', head: `GET /${'a'.repeat(MIB)} HTTP/1.1\r\nHost: x\r\n\r\n` },
    { name: 'a query of 15 kB', head: `GET /api/containers?${'q=a&'.repeat(3_700)} HTTP/1.1\r\nHost: x\r\n\r\n` },
    { name: 'a token of 15 kB', head: lines(`Authorization: Bearer ${'a'.repeat(15_000)}`) },
  ];
};

/**
 * Sends these bytes, and waits until the server closes the connection or `timeoutMs` have passed. Returns the statuses
 * of all responses.
 */
export async function statusesOf(port: number, bytes: string, timeoutMs: number): Promise<number[]> {
  const socket = await open(port);
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  const closed = new Promise((resolve) => void socket.once('close', resolve));
  socket.write(bytes);
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([closed, new Promise((resolve) => (timer = setTimeout(resolve, timeoutMs)))]);
  clearTimeout(timer);
  socket.destroy();
  return [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

/** Returns a request head that announces a body of `bodyBytes` bytes, without the body. */
export const announcement = (target: string, bodyBytes: number, token?: string): string =>
  [
    `POST ${target} HTTP/1.1`,
    ...['Host: x', 'Content-Type: application/json', `Content-Length: ${bodyBytes}`],
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    ...['', ''],
  ].join('\r\n');

/** Sends each head on its own connection, and keeps the connections open until the returned function is called. */
export async function holdOpen(port: number, heads: readonly string[]): Promise<() => void> {
  const sockets = await Promise.all(heads.map(() => open(port)));
  sockets.forEach((socket, i) => socket.resume().write(heads[i]!));
  return () => sockets.forEach((socket) => socket.destroy());
}

/** What a slow client sends: first `prefix` as a whole, and then `rest` repeatedly, byte by byte. */
export type Dribble = { name: string; prefix: string; rest: string };

/** Sends a byte each second. Returns the milliseconds until the server closed the connection, at most `timeoutMs`. */
export async function dribble(port: number, { prefix, rest }: Dribble, timeoutMs: number): Promise<number> {
  const startedAt = performance.now();
  const socket = await open(port);
  socket.resume();
  if (prefix !== '') socket.write(prefix);
  let sent = 0;
  const timer = setInterval(() => {
    if (rest !== '' && socket.writable) socket.write(rest[sent++ % rest.length]!);
  }, 1_000);
  const closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()));
  let timeout: NodeJS.Timeout | undefined;
  await Promise.race([closed, new Promise((resolve) => (timeout = setTimeout(resolve, timeoutMs)))]);
  clearTimeout(timeout);
  clearInterval(timer);
  socket.destroy();
  return performance.now() - startedAt;
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  // The server may reset the connection, which is not an error of the test.
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}
