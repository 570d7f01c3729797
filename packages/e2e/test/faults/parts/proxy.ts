/**
 * A minimal load balancer. It polls the `/readyz` of each replica, and forwards each request to a replica that was
 * ready at the last poll. It never retries a request, so the test notices each request that a replica drops.
 */
import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { isReady } from './api.js';

export interface Proxy {
  readonly url: string;
  /** Number of replicas that were ready at the last check. */
  ready(): number;
  close(): Promise<void>;
}

/**
 * The interval in ms at which replicas are polled. The interval is much shorter than the time for which a replica
 * drains before it exits.
 */
const POLL_MS = 500;

/** Starts a proxy for replicas, which may start later. */
export async function startProxy(urls: readonly string[]): Promise<Proxy> {
  const agent = new Agent({ keepAlive: true });
  const ready = new Set<string>();
  let turn = 0;

  const poll = async () => {
    await Promise.all(urls.map(async (url) => ((await isReady(url)) ? ready.add(url) : ready.delete(url))));
  };
  let polling = poll();
  const timer = setInterval(() => void (polling = poll()), POLL_MS);

  const server = createServer((req, res) => {
    const candidates = [...ready];
    const url = candidates[turn++ % Math.max(1, candidates.length)];
    if (url === undefined) refuse(res, 'no replica is ready');
    else forward(url, agent, req, res).catch((error: unknown) => refuse(res, String(error)));
  });
  server.listen(0, '127.0.0.1');
  await Promise.all([once(server, 'listening'), polling]);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ready: () => ready.size,
    async close() {
      clearInterval(timer);
      await polling;
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
}

async function forward(url: string, agent: Agent, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { connection: _hop, host: _host, ...headers } = req.headers;
  const upstream = request(url + (req.url ?? '/'), { agent, method: req.method, headers });
  const [answer] = await Promise.all([
    new Promise<IncomingMessage>((resolve, reject) => {
      upstream.once('response', resolve);
      upstream.on('error', reject);
    }),
    pipeline(req, upstream),
  ]);
  const { connection: _answerHop, ...answerHeaders } = answer.headers;
  res.writeHead(answer.statusCode ?? 502, answerHeaders);
  await pipeline(answer, res);
}

function refuse(res: ServerResponse, reason: string): void {
  if (res.headersSent) res.destroy();
  else res.writeHead(502, { 'content-type': 'text/plain' }).end(reason);
}
