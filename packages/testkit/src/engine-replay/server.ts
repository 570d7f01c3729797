import { mkdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { matchesEventFilter, renderEvent } from './events.js';
import type { ReplayedEngine } from './engine.js';

/** Where the server listens: a socket's path, or a port of the loopback interface (0: any free one). */
export type Listen = { socketPath: string } | { port: number };

/** The calls that can be made to fail. */
export type Route = 'ping' | 'version' | 'info' | 'list' | 'inspect' | 'events';

/**
 * How a call fails, as real engines were seen to: an error, half an answer that claims to be whole, half an answer
 * and a broken connection, no answer at all.
 */
export type Fault = { kind: 'status'; status: number } | { kind: 'truncate' } | { kind: 'reset' } | { kind: 'hang' };

/** A replayed engine that can be called. */
export interface ReplayServer {
  /** As a value of DOCKER_HOST. */
  readonly dockerHost: string;
  /** How often each route was called, including in vain. */
  readonly calls: Readonly<Record<Route, number>>;
  /** Makes a route fail from now on; null: no more. */
  setFault(route: Route, fault: Fault | null): void;
  /** Ends every event stream, as a restart of the engine does. */
  dropEventStreams(): void;
  /** How many event streams are open. */
  eventStreams(): number;
  close(): Promise<void>;
}

/** Speaks the engine's API for `engine`, read only. `info` is written over the captured `/info`. */
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
    const { type = [], event: actions = [] } = parseFilters(url);
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
    const versioned = /^\/v(\d+)\.(\d+)(\/.*)$/.exec(url.pathname);
    if (versioned && !isPodman && Number(versioned[2]) > Number(apiVersion.split('.')[1])) {
      const asked = `${versioned[1]}.${versioned[2]}`;
      const message = `client version ${asked} is too new. Maximum supported API version is ${apiVersion}`;
      return answer(response, 400, { message });
    }
    const path = versioned ? versioned[3]! : url.pathname;
    const route = routeOf(path);
    if (request.method !== 'GET' || route === null) return answer(response, 404, { message: 'page not found' });
    calls[route]++;
    const fault = faults.get(route);
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'status') return answer(response, fault.status, { message: 'the engine is not well' });
    switch (route) {
      case 'ping':
        response.end('OK');
        return;
      case 'version':
        return answer(response, 200, engine.capture.version, fault);
      case 'info':
        return answer(response, 200, { ...engine.capture.info, ...info }, fault);
      case 'list':
        return answer(response, 200, engine.list(['1', 'true'].includes(url.searchParams.get('all') ?? '')), fault);
      case 'inspect': {
        const id = path.split('/')[2]!;
        const inspected = engine.inspect(id);
        return inspected === null
          ? answer(response, 404, { message: `No such container: ${id}` })
          : answer(response, 200, inspected, fault);
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
    if ('socketPath' in listen) server.listen(listen.socketPath, resolve);
    else server.listen(listen.port, '127.0.0.1', resolve);
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

function routeOf(path: string): Route | null {
  if (path === '/_ping') return 'ping';
  if (path === '/version' || path === '/info' || path === '/events') return path.slice(1) as Route;
  if (path === '/containers/json') return 'list';
  return /^\/containers\/[^/]+\/json$/.test(path) ? 'inspect' : null;
}

function parseFilters(url: URL): { type?: string[]; event?: string[] } {
  return JSON.parse(url.searchParams.get('filters') ?? '{}') as { type?: string[]; event?: string[] };
}

function answer(response: ServerResponse, status: number, body: unknown, fault?: Fault): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json' });
  if (fault === undefined) {
    response.end(text);
    return;
  }
  const half = text.slice(0, text.length / 2);
  if (fault.kind === 'truncate') response.end(half);
  else response.write(half, () => response.destroy());
}
