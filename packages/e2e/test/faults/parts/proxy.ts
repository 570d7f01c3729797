/**
 * A balancer as small as can be: it asks each replica's `/readyz` again and again, and hands each request to one that
 * said yes. It never tries a request a second time, so whatever a replica drops shows.
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

/** Milliseconds between two checks of a replica. A drain lasts several of these intervals. */
const LOOK_MS = 500;

/** Starts a proxy for replicas, which may start later. */
export async function startProxy(urls: readonly string[]): Promise<Proxy> {
  const agent = new Agent({ keepAlive: true });
  const ready = new Set<string>();
  let turn = 0;

  const look = async () => {
    await Promise.all(urls.map(async (url) => ((await isReady(url)) ? ready.add(url) : ready.delete(url))));
  };
  let looking = look();
  const timer = setInterval(() => void (looking = look()), LOOK_MS);

  const server = createServer((req, res) => {
    const choice = [...ready];
    const url = choice[turn++ % Math.max(1, choice.length)];
    if (url === undefined) refuse(res, 'no replica is ready');
    else forward(url, agent, req, res).catch((error: unknown) => refuse(res, String(error)));
  });
  server.listen(0, '127.0.0.1');
  await Promise.all([once(server, 'listening'), looking]);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ready: () => ready.size,
    async close() {
      clearInterval(timer);
      await looking;
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

function refuse(res: ServerResponse, why: string): void {
  if (res.headersSent) res.destroy();
  else res.writeHead(502, { 'content-type': 'text/plain' }).end(why);
}
