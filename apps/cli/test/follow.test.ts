import { expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from '@muster/client';
import { onEachChange } from '../src/commands/watch.js';
import { runCli } from '../src/program.js';
import type { Terminal } from '../src/terminal.js';

/** Runs a command against an API that answers as `handle` does. */
async function muster(args: string[], handle: RequestListener): Promise<{ code: number; out: string; err: string }> {
  const server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const written = { out: '', err: '' };
  try {
    const code = await runCli(args, {
      env: { MUSTER_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, MUSTER_KEY: 'muster_key_x' },
      out: (text) => void (written.out += text),
      err: (text) => void (written.err += text),
      screen: null,
      askSecret: () => Promise.resolve(''),
      interrupted: new AbortController().signal,
    });
    return { code, ...written };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const event = (name: string, data: object = {}, id?: string) =>
  `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

const container = (id: string) => {
  const at = '2026-03-01T12:00:00.000Z';
  const what = { hostId: 'h', hostName: 'web-01', dockerId: 'a', name: 'shop', kind: 'started', from: null, to: null };
  return event('container', { id, ...what, exitCode: null, observedAt: at, recordedAt: at }, id);
};

/** Follows events while a stream sends this, until its key ends. Lists of events are empty. */
async function follow(...streams: string[]) {
  const lastIds: unknown[] = [];
  const { err, out } = await muster(['events', '--follow', '-o', 'csv'], (req, res) => {
    if (req.url?.startsWith('/api/stream') !== true) {
      res.setHeader('Content-Type', 'application/json').end('{"items":[],"nextCursor":null}');
      return;
    }
    const text = streams[lastIds.length] ?? event('unauthorized');
    lastIds.push(req.headers['last-event-id']);
    res.writeHead(200, { 'Content-Type': 'text/event-stream' }).end(text);
  });
  const [ended, ...warnings] = err.trim().split('\n').reverse();
  expect(ended).toContain('the key has ended');
  return { lastIds, out, warnings: warnings.reverse() };
}

test('events --follow says once that the server holds events back, and that it has caught up', async () => {
  const [first, later] = ['2026-03-01T12:00:00.000Z', '2026-03-01T12:01:00.000Z'];
  const { out, warnings } = await follow(
    event('summary') +
      event('lagging', { since: first }) +
      event('lagging', { since: later }) +
      container('5-1') +
      event('caught-up'),
  );
  expect(warnings).toEqual([
    `muster: the server holds back events since ${first}: they arrive late`,
    'muster: the server has caught up: events arrive at once again',
  ]);
  expect(out).toContain('web-01,shop,started');
});

test('events --follow says that events are missing after a reset, and not where only many hosts changed', async () => {
  const { lastIds, warnings } = await follow(
    event('summary') + container('5-1') + event('hosts-changed'),
    event('summary') + event('reset', {}, '9-1'),
  );
  expect(lastIds).toEqual([undefined, '5-1', '9-1']);
  expect(warnings).toEqual(['muster: more happened than the stream sends again: some events are missing here']);
});

test('a watch shows the list again although the stream is silent, until it is interrupted', async () => {
  const server = createServer((_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(event('summary'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = createClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, key: 'x' });
  const interrupt = new AbortController();
  let shown = 0;
  const show = () => {
    shown += 1;
    if (shown === 3) interrupt.abort();
    return Promise.resolve();
  };
  try {
    await onEachChange({ interrupted: interrupt.signal } as Terminal, client, undefined, show, 20);
    expect(shown).toBe(3);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
