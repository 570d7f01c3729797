import { mkdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import type { ReplayedEngine } from './engine.js';
import { matchesEventFilter, renderEvent } from './events.js';

/** Where the server listens: a Unix socket, or a port of the loopback interface (0: any free one). */
export type Listen = { socketPath: string } | { port: number };

const ROUTES = {
  ping: /^\/_ping$/,
  version: /^\/version$/,
  info: /^\/info$/,
  list: /^\/containers\/json$/,
  inspect: /^\/containers\/[^/]+\/json$/,
  events: /^\/events$/,
} as const;
export type Route = keyof typeof ROUTES;

/**
 * How a call fails, as observed with real engines: with an error status, with half a body that looks complete, with
 * half a body and a closed connection, or without any response.
 */
export type Fault = { kind: 'status'; status: number } | { kind: 'truncate' } | { kind: 'reset' } | { kind: 'hang' };

/** The HTTP server of a replayed engine. */
export interface ReplayServer {
  /** A value of DOCKER_HOST. */
  readonly dockerHost: string;
  /** The number of calls of each route, including failed ones. */
  readonly calls: Readonly<Record<Route, number>>;
  /** Makes all calls of a route fail, or with null succeed again. */
  setFault(route: Route, fault: Fault | null): void;
  /** Ends all event streams, as a restart of the engine does. */
  dropEventStreams(): void;
  /** Returns the number of open event streams. */
  eventStreams(): number;
  close(): Promise<void>;
}

/** Serves the read-only part of the engine's API. `info` replaces fields of the captured `/info`. */
export async function serveReplay(
  engine: ReplayedEngine,
  listen: Listen,
  info: Readonly<Record<string, unknown>> = {},
): Promise<ReplayServer> {
  const { flavour, apiVersion } = engine.capture;
  const isPodman = flavour === 'podman-4.3';
  const calls: Record<Route, number> = { ping: 0, version: 0, info: 0, list: 0, inspect: 0, events: 0 };
  const faults = new Map<Route, Fault>();
  const streams = new Set<ServerResponse>();

  function follow(url: URL, response: ServerResponse): void {
    const filters = JSON.parse(url.searchParams.get('filters') ?? '{}') as { type?: string[]; event?: string[] };
    const { type = [], event: actions = [] } = filters;
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    if (type.length > 0 && !type.includes('container')) return;
    const unsubscribe = engine.subscribe((event) => {
      if (matchesEventFilter(flavour, event.action, actions)) response.write(renderEvent(flavour, event));
    });
    streams.add(response);
    response.on('close', () => {
      unsubscribe();
      streams.delete(response);
    });
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://engine');
    response.setHeader('api-version', apiVersion);
    response.setHeader('server', isPodman ? 'Libpod/4.3.1 (linux)' : 'Docker/28.5.2 (linux)');
    const [, major, minor, rest] = /^\/v(\d+)\.(\d+)(\/.*)$/.exec(url.pathname) ?? [];
    if (minor !== undefined && !isPodman && Number(minor) > Number(apiVersion.split('.')[1])) {
      const message = `client version ${major}.${minor} is too new. Maximum supported API version is ${apiVersion}`;
      return respond(response, 400, { message });
    }
    const path = rest ?? url.pathname;
    const route = (Object.keys(ROUTES) as Route[]).find((name) => ROUTES[name].test(path));
    if (request.method !== 'GET' || route === undefined) return respond(response, 404, { message: 'page not found' });
    calls[route]++;
    const fault = faults.get(route);
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'status') return respond(response, fault.status, { message: 'the engine is not well' });
    switch (route) {
      case 'ping':
        response.end('OK');
        return;
      case 'version':
        return respond(response, 200, engine.capture.version, fault);
      case 'info':
        return respond(response, 200, { ...engine.capture.info, ...info }, fault);
      case 'list':
        return respond(response, 200, engine.list(['1', 'true'].includes(url.searchParams.get('all') ?? '')), fault);
      case 'inspect': {
        const id = path.split('/')[2]!;
        const body = engine.inspect(id);
        return body === null
          ? respond(response, 404, { message: `No such container: ${id}` })
          : respond(response, 200, body, fault);
      }
      case 'events':
        return follow(url, response);
    }
  }

  const server = createServer(handle);
  if ('socketPath' in listen) {
    await mkdir(dirname(listen.socketPath), { recursive: true });
    await rm(listen.socketPath, { force: true });
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen('socketPath' in listen ? { path: listen.socketPath } : { ...listen, host: '127.0.0.1' }, resolve);
  });
  const address = server.address();
  return {
    dockerHost: typeof address === 'string' ? `unix://${address}` : `tcp://127.0.0.1:${address!.port}`,
    calls,
    setFault: (route, fault) => void (fault === null ? faults.delete(route) : faults.set(route, fault)),
    dropEventStreams: () => streams.forEach((stream) => stream.destroy()),
    eventStreams: () => streams.size,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function respond(response: ServerResponse, status: number, body: unknown, fault?: Fault): void {
  const text = JSON.stringify(body);
  const half = text.slice(0, text.length / 2);
  response.writeHead(status, { 'content-type': 'application/json' });
  if (fault?.kind === 'reset') response.write(half, () => response.destroy());
  else response.end(fault?.kind === 'truncate' ? half : text);
}
