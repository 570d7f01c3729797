import { afterEach, describe, expect, test } from '@jest/globals';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  createClient,
  NetworkError,
  ProblemError,
  UnexpectedResponseError,
  type ConnectionState,
} from '../src/index.js';
import { serve } from './server.js';

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function clientOf(handle: (req: IncomingMessage, res: ServerResponse) => void, key?: string) {
  const server = await serve(handle);
  servers.push(server);
  return createClient({ url: server.url, ...(key === undefined ? {} : { key }) });
}

const json = (res: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) =>
  res.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));

describe('a call', () => {
  test('sends its parameters, query and key to the operation’s path', async () => {
    const seen: unknown[] = [];
    const client = await clientOf((req, res) => {
      seen.push([req.method, req.url, req.headers.authorization]);
      json(res, 200, { items: [], nextCursor: null });
    }, 'muster_key_x');
    await client.call('listContainers', { query: { state: ['running', 'paused'], q: 'a&b', cursor: undefined } });
    await client.call('getHost', { params: { hostId: 'a/b' } });
    expect(seen).toEqual([
      ['GET', '/api/containers?state=running&state=paused&q=a%26b', 'Bearer muster_key_x'],
      ['GET', '/api/hosts/a%2Fb', 'Bearer muster_key_x'],
    ]);
  });

  test('rejects with the API’s problem and the seconds of Retry-After', async () => {
    const problem = {
      type: '/problems/rate-limited',
      title: 'Slow down',
      status: 429,
      detail: 'Later.',
      requestId: 'r',
    };
    const client = await clientOf((_req, res) => json(res, 429, problem, { 'Retry-After': '7' }));
    const error = await client.call('getSummary').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProblemError);
    expect(error).toMatchObject({ status: 429, problem, retryAfterSeconds: 7 });
  });

  test('rejects with UnexpectedResponseError if the response is not from Muster', async () => {
    const client = await clientOf((_req, res) => res.writeHead(502).end('<html>'));
    await expect(client.call('getSummary')).rejects.toBeInstanceOf(UnexpectedResponseError);
  });

  test('rejects with the status, the redirect target and the page of a response that is not from Muster', async () => {
    const html = { 'Content-Type': 'text/html' };
    const errorOf = async (handle: (req: IncomingMessage, res: ServerResponse) => void): Promise<unknown> =>
      (await clientOf(handle)).call('getSummary').catch((thrown: unknown) => thrown);
    const page = await errorOf((_req, res) => res.writeHead(200, html).end('<title>Welcome to nginx!</title>'));
    expect(page).toBeInstanceOf(UnexpectedResponseError);
    expect(page).toMatchObject({ status: 200, location: null, body: '<title>Welcome to nginx!</title>' });
    const redirect = await errorOf((_req, res) => res.writeHead(302, { Location: 'https://sso.test/login' }).end());
    expect(redirect).toBeInstanceOf(UnexpectedResponseError);
    expect(redirect).toMatchObject({ status: 302, location: 'https://sso.test/login', body: '' });
    const invalid = await errorOf((_req, res) =>
      res.writeHead(200, { 'Content-Type': 'application/json' }).end('not JSON'),
    );
    expect(invalid).toMatchObject({ name: 'UnexpectedResponseError', status: 200, body: 'not JSON' });
  });

  test('reads only the beginning of a long response that is not from Muster', async () => {
    const client = await clientOf((_req, res) => {
      res.writeHead(404, { 'Content-Type': 'text/plain' });
      const write = () => {
        while (res.write('x'.repeat(10_000)));
        res.once('drain', write);
      };
      write();
    });
    await expect(client.call('getSummary')).rejects.toBeInstanceOf(UnexpectedResponseError);
  });

  test('rejects with UnexpectedResponseError if it requests a list and another server returns JSON', async () => {
    const client = await clientOf((_req, res) => json(res, 200, { status: 'UP' }));
    await expect(client.items('listHosts').next()).rejects.toBeInstanceOf(UnexpectedResponseError);
  });

  test('does not follow a redirect, which would send the key to another server', async () => {
    const keys: unknown[] = [];
    const other = await serve((req, res) => {
      keys.push(req.headers.authorization);
      json(res, 200, {});
    });
    servers.push(other);
    const client = await clientOf(
      (req, res) => res.writeHead(307, { Location: other.url + req.url! }).end(),
      'muster_key_x',
    );
    await expect(client.call('getSummary')).rejects.toBeInstanceOf(UnexpectedResponseError);
    expect(keys).toEqual([]);
  });

  test('in a browser rejects with the advice to reload the page if a proxy redirects the request', async () => {
    // In a browser, the response to a redirected request has the status 0 and no headers, like `Response.error()`.
    const client = createClient({ url: 'http://muster.test', fetch: () => Promise.resolve(Response.error()) });
    await expect(client.call('getSummary')).rejects.toThrow(
      'http://muster.test redirects to another address. Reload the page',
    );
  });

  test('rejects with NetworkError if no complete response arrives', async () => {
    const client = await clientOf((_req, res) => res.destroy());
    await expect(client.call('getSummary')).rejects.toBeInstanceOf(NetworkError);
    const truncating = await clientOf((_req, res) => {
      res
        .writeHead(200, { 'Content-Length': '100', 'Content-Type': 'application/json' })
        .write('{', () => res.destroy());
    });
    await expect(truncating.call('getSummary')).rejects.toBeInstanceOf(NetworkError);
  });

  test('rejects with the reason for an abort', async () => {
    const client = await clientOf(() => undefined);
    const reason = new Error('enough');
    const controller = new AbortController();
    const call = client.call('getSummary', {}, { signal: controller.signal });
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
  });

  test('requests only those pages of a list that the caller reads', async () => {
    const asked: (string | null)[] = [];
    const client = await clientOf((req, res) => {
      const cursor = new URL(req.url!, 'http://x').searchParams.get('cursor');
      asked.push(cursor);
      const page = Number(cursor ?? 0);
      json(res, 200, { items: [{ id: `${page}a` }, { id: `${page}b` }], nextCursor: String(page + 1) });
    });
    const ids: string[] = [];
    for await (const { id } of client.items('listHosts')) {
      ids.push(id);
      if (ids.length === 3) break;
    }
    expect(ids).toEqual(['0a', '0b', '1a']);
    expect(asked).toEqual([null, '1']);
  });
});

describe('a stream', () => {
  const event = (name: string, data: unknown, id?: string) =>
    `${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;

  test('resumes after the last id when the connection is lost, and ends after the message `unauthorized`', async () => {
    const lastIds: unknown[] = [];
    const client = await clientOf((req, res) => {
      lastIds.push(req.headers['last-event-id']);
      res.writeHead(200, { 'Content-Type': 'text/event-stream' });
      if (lastIds.length === 1) {
        res.write(event('container', { name: 'a' }, '5-1') + event('summary', {}), () => res.destroy());
      } else {
        res.write(event('news', {}) + event('container', { name: 'b' }, '6-1') + event('unauthorized', {}));
      }
    });
    const states: ConnectionState['state'][] = [];
    const messages: unknown[] = [];
    const { signal } = new AbortController();
    const onState = ({ state }: ConnectionState) => states.push(state);
    for await (const message of client.stream({ signal, onState, random: () => 0 })) messages.push(message);
    expect(messages).toEqual([
      { event: 'container', id: '5-1', data: { name: 'a' } },
      { event: 'summary', data: {} },
      { event: 'container', id: '6-1', data: { name: 'b' } },
      { event: 'unauthorized', data: {} },
    ]);
    expect(lastIds).toEqual([undefined, '5-1']);
    expect(states).toEqual(['connecting', 'open', 'waiting', 'connecting', 'open']);
  });

  test('resumes after the last id, even if a reset or a block without data contained this id', async () => {
    const sent = [
      event('container', {}, '5-1') + event('hosts-changed', {}),
      event('reset', {}, '9-3'),
      // Older APIs send a reset without an id.
      event('reset', {}),
      // A newer API may send an unknown message. A block can have an id but no message.
      event('news', {}, '9-4') + 'id: 9-5\n\n',
    ];
    const lastIds: unknown[] = [];
    const client = await clientOf((req, res) => {
      const text = sent[lastIds.length] ?? event('unauthorized', {});
      lastIds.push(req.headers['last-event-id']);
      res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(text, () => res.end());
    });
    const { signal } = new AbortController();
    const events: string[] = [];
    for await (const message of client.stream({ signal, random: () => 0 })) events.push(message.event);
    expect(lastIds).toEqual([undefined, '5-1', '9-3', '9-3', '9-5']);
    expect(events).toEqual(['container', 'hosts-changed', 'reset', 'reset', 'unauthorized']);
  }, 180_000);

  test('retries after Retry-After if the API is overloaded, and throws after a permanent rejection', async () => {
    const problem = (status: number) => ({ type: '/problems/x', title: 'x', status, detail: 'x', requestId: 'r' });
    let asked = 0;
    const client = await clientOf((_req, res) => {
      asked += 1;
      if (asked === 1) json(res, 503, problem(503), { 'Retry-After': '1' });
      else json(res, 401, problem(401));
    });
    const waits: number[] = [];
    const follow = async () => {
      const { signal } = new AbortController();
      const onState = (state: ConnectionState) => state.state === 'waiting' && waits.push(state.retryInMs);
      await client.stream({ signal, onState }).next();
    };
    await expect(follow()).rejects.toMatchObject({ status: 401 });
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThanOrEqual(1_000);
  });

  test('closes its connection when the consumer stops', async () => {
    let closed: () => void;
    const isClosed = new Promise<void>((resolve) => (closed = resolve));
    const client = await clientOf((req, res) => {
      req.on('close', () => closed());
      res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(event('summary', {}));
    });
    const controller = new AbortController();
    const stream = client.stream({ signal: controller.signal });
    expect((await stream.next()).value).toEqual({ event: 'summary', data: {} });
    await stream.return(undefined);
    await isClosed;
  });
});
