import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { eventually } from '@muster/testkit';
import { createHttp } from '@muster/testkit/http';
import { startProxy, type Proxy } from './parts/proxy.js';

const servers: Server[] = [];
const proxies: Proxy[] = [];
afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.close();
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function startReplica(handle: RequestListener): Promise<string> {
  const server = createServer(handle).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function openProxy(...urls: string[]): Promise<Proxy> {
  const proxy = await startProxy(urls);
  proxies.push(proxy);
  return proxy;
}

test('complete requests are forwarded only to ready replicas, and complete responses are returned', async () => {
  let isReady = true;
  const echo: RequestListener = (req, res) => {
    if (req.url === '/readyz') res.writeHead(isReady ? 200 : 503).end();
    else req.pipe(res.writeHead(201, { 'x-method': req.method }));
  };
  const notReady: RequestListener = (req, res) => res.writeHead(req.url === '/readyz' ? 503 : 500).end();
  const proxy = await openProxy(await startReplica(notReady), await startReplica(echo));
  const client = createHttp(proxy.url);
  for (const body of ['a', 'b'.repeat(100_000)]) {
    const reply = await client.send({ method: 'POST', path: '/x', body });
    expect(reply).toMatchObject({ status: 201, text: body, headers: { 'x-method': 'POST' } });
  }
  isReady = false;
  await eventually(() => expect(proxy.ready()).toBe(0));
  expect((await client.send({ path: '/x' })).status).toBe(502);
  await client.close();
});

test('a request that a replica drops is not retried', async () => {
  let droppedRequests = 0;
  const dropRequest: RequestListener = (req, res) => {
    if (req.url === '/readyz') {
      res.end();
    } else {
      droppedRequests += 1;
      req.socket.destroy();
    }
  };
  const proxy = await openProxy(await startReplica(dropRequest), await startReplica(dropRequest));
  const client = createHttp(proxy.url);
  expect((await client.send({ path: '/x' })).status).toBe(502);
  expect(droppedRequests).toBe(1);
  await client.close();
});
