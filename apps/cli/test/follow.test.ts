import { expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from '../src/api.js';
import { watchChanges } from '../src/commands/watch.js';
import { runCli } from '../src/command-line.js';
import type { Terminal } from '../src/terminal.js';

/** Runs a command against an API with the given handler. */
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
  const fields = {
    hostId: 'h',
    hostName: 'web-01',
    dockerId: 'a',
    name: 'shop',
    kind: 'started',
    from: null,
    to: null,
  };
  return event('container', { id, ...fields, exitCode: null, observedAt: at, recordedAt: at }, id);
};

/**
 * Runs `events --follow` against an API that sends one of `streams` on each connection, in order, and then
 * `unauthorized`. The API's event lists are empty.
 */
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
  const [lastLine, ...warnings] = err.trim().split('\n').reverse();
  expect(lastLine).toBe('muster: the API key was revoked or has expired');
  return { lastIds, out, warnings: warnings.reverse() };
}

test('events --follow warns once when events are delayed, and once when the delay is over', async () => {
  const [first, later] = ['2026-03-01T12:00:00.000Z', '2026-03-01T12:01:00.000Z'];
  const { out, warnings } = await follow(
    event('summary') +
      event('lagging', { since: first }) +
      event('lagging', { since: later }) +
      container('5-1') +
      event('caught-up'),
  );
  expect(warnings).toEqual([
    `muster: the server has been delaying events since ${first}`,
    'muster: the server has caught up: events are no longer delayed',
  ]);
  expect(out).toContain('web-01,shop,started');
});

test('events --follow --host-label includes hosts that enroll or get the label later', async () => {
  const at = '2026-03-01T12:00:00.000Z';
  const hostEvent = (id: string, hostId: string, kind = 'engine_up') =>
    event(
      'host-event',
      { id, hostId, hostName: `name-of-${hostId}`, kind, from: null, to: null, at, recordedAt: at },
      id,
    );
  const host = (id: string, labels: object) => event('host', { id, labels });
  const labels: Record<string, object> = { known: { env: 'prod' }, other: { env: 'test' }, enrolled: { env: 'prod' } };
  const stream = [
    event('summary') + event('freshness', { hosts: [] }),
    hostEvent('1-1', 'known') + hostEvent('1-2', 'other') + hostEvent('1-3', 'enrolled', 'host_enrolled'),
    host('other', { env: 'prod', site: 'fra' }) + hostEvent('1-4', 'other'),
    host('known', {}) + hostEvent('1-5', 'known'),
    hostEvent('1-6', 'enrolled', 'labels_changed'),
  ].join('');
  const read: string[] = [];
  let streams = 0;
  const { out } = await muster(
    ['events', '--subject', 'host', '--follow', '--host-label', 'env=prod', '-o', 'csv'],
    (req, res) => {
      const { pathname, searchParams } = new URL(req.url!, 'http://muster.test');
      if (pathname === '/api/stream') {
        streams += 1;
        res.writeHead(200, { 'Content-Type': 'text/event-stream' });
        res.end(streams === 1 ? stream : event('unauthorized'));
        return;
      }
      const [, id] = /^\/api\/hosts\/(.+)$/.exec(pathname) ?? [];
      if (id !== undefined) read.push(id);
      const items = searchParams.has('hostLabel') && pathname === '/api/hosts' ? [{ id: 'known', labels: {} }] : [];
      const body = id === undefined ? { items, nextCursor: null } : { id, labels: labels[id] };
      res.setHeader('Content-Type', 'application/json').end(JSON.stringify(body));
    },
  );
  const printed = [...out.matchAll(/name-of-(\w+),(\w+)/g)].map(([, name, kind]) => `${name} ${kind}`);
  expect(printed).toEqual(['known engine_up', 'enrolled host_enrolled', 'other engine_up', 'enrolled labels_changed']);
  // A host is read once, and again after its labels have changed.
  expect(read).toEqual(['other', 'enrolled', 'enrolled']);
});

test('events --follow warns about missing events after a reset, but not after hosts-changed', async () => {
  const { lastIds, warnings } = await follow(
    event('summary') + container('5-1') + event('hosts-changed'),
    event('summary') + event('reset', {}, '9-1'),
  );
  expect(lastIds).toEqual([undefined, '5-1', '9-1']);
  expect(warnings).toEqual(['muster: some events are missing: the server could not resend all of them']);
});

test('events --follow reports an outage once, and continues when it is connected again', async () => {
  let requests = 0;
  const { err, out } = await muster(['events', '--follow', '-o', 'csv'], (req, res) => {
    if (req.url?.startsWith('/api/stream') !== true) {
      res.setHeader('Content-Type', 'application/json').end('{"items":[],"nextCursor":null}');
      return;
    }
    requests += 1;
    if (requests === 2 || requests === 3) {
      res.writeHead(502, { 'Content-Type': 'text/html' }).end('<title>Bad Gateway</title>');
      return;
    }
    const text = requests === 1 ? event('summary') : event('summary') + container('6-1') + event('unauthorized');
    res.writeHead(200, { 'Content-Type': 'text/event-stream' }).end(text);
  });
  expect(
    err
      .replaceAll(/127\.0\.0\.1:\d+/g, 'HOST')
      .trim()
      .split('\n'),
  ).toEqual([
    'muster: http://HOST: a proxy in front of Muster answers 502: Bad Gateway; check that Muster’s API is running, and ' +
      'that the proxy connects to its port; trying again',
    'muster: connected again',
    'muster: the API key was revoked or has expired',
  ]);
  expect(out).toContain('web-01,shop,started');
});

test('watchChanges refreshes the list even if the stream is silent', async () => {
  const server = createServer((_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(event('summary'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const api = connect({ url, key: 'x', urlSetting: 'MUSTER_URL' });
  const interrupt = new AbortController();
  let showCount = 0;
  const show = () => {
    showCount += 1;
    if (showCount === 3) interrupt.abort();
    return Promise.resolve();
  };
  try {
    await watchChanges({ interrupted: interrupt.signal } as Terminal, api, undefined, show, 20);
    expect(showCount).toBe(3);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
