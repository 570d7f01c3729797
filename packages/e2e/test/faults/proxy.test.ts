import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from '@jest/globals';
import { eventually } from '@muster/testkit';
import { createClient } from './parts/http.js';
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

async function replica(handle: RequestListener): Promise<string> {
  const server = createServer(handle).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function proxyOf(...urls: string[]): Promise<Proxy> {
  const proxy = await startProxy(urls);
  proxies.push(proxy);
  return proxy;
}

test('requests go to those that are ready alone, with their bodies, and answers come back whole', async () => {
  let isReady = true;
  const echo: RequestListener = (req, res) => {
    if (req.url === '/readyz') res.writeHead(isReady ? 200 : 503).end();
    else req.pipe(res.writeHead(201, { 'x-method': req.method }));
  };
  const never: RequestListener = (req, res) => res.writeHead(req.url === '/readyz' ? 503 : 500).end();
  const proxy = await proxyOf(await replica(never), await replica(echo));
  const client = createClient(proxy.url);
  for (const body of ['a', 'b'.repeat(100_000)]) {
    const reply = await client.send({ method: 'POST', path: '/x', body });
    expect(reply).toMatchObject({ status: 201, text: body, headers: { 'x-method': 'POST' } });
  }
  isReady = false;
  await eventually(() => expect(proxy.ready()).toBe(0));
  expect((await client.send({ path: '/x' })).status).toBe(502);
  client.close();
});

test('what a replica drops is not tried again at another', async () => {
  let dropped = 0;
  const drop: RequestListener = (req, res) => {
    if (req.url === '/readyz') {
      res.end();
    } else {
      dropped += 1;
      req.socket.destroy();
    }
  };
  const proxy = await proxyOf(await replica(drop), await replica(drop));
  const client = createClient(proxy.url);
  expect((await client.send({ path: '/x' })).status).toBe(502);
  expect(dropped).toBe(1);
  client.close();
});
