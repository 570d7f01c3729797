import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { seededRandom } from '../random.js';
import { loadCapture, type CapturedEngine } from './captures.js';
import { ReplayedEngine, type ContainerEvent } from './engine.js';
import { matchesEventFilter, renderEvent } from './events.js';
import { createLife, type Role } from './life.js';

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
 * How a call fails, as observed with real engines: the response has an error status, is cut off but looks complete, is
 * cut off by a closed connection, or does not arrive.
 */
export type Fault = { kind: 'status'; status: number } | { kind: 'truncate' } | { kind: 'reset' } | { kind: 'hang' };

/** A replayed engine and its HTTP server. */
export type Replay = Awaited<ReturnType<typeof startReplayedEngine>>;

export interface ReplayOptions {
  capturedEngine: CapturedEngine;
  /** A Unix socket, or a port of the loopback interface (0: any free one). */
  listen: { socketPath: string } | { port: number };
  seed: number;
  /** The containers, whose states change over time. Default: the captured containers, which do not change. */
  roles?: readonly Role[];
  /** Replaces fields of the captured `/info`: the `Name`, and the engine's identity (`ID`, `DockerRootDir`). */
  info?: Readonly<Record<string, unknown>>;
}

/**
 * Starts a replayed engine and serves its read-only API. The containers change in real time until the engine is closed.
 */
export async function startReplayedEngine({ capturedEngine, listen, seed, roles, info }: ReplayOptions) {
  const engine = new ReplayedEngine(await loadCapture(capturedEngine), { nowMs: Date.now, random: seededRandom(seed) });
  let timer: NodeJS.Timeout | undefined;
  if (roles === undefined) {
    engine.adoptCaptured();
  } else if (roles.length > 0) {
    const advance = createLife(engine, roles, { seed, nowMs: Date.now() });
    const advanceToNow = (): void => {
      timer = setTimeout(advanceToNow, Math.max(10, advance(Date.now()) - Date.now()));
    };
    advanceToNow();
  }
  const { version } = engine.capture;
  const isPodman = capturedEngine === 'podman-4.3';
  const calls: Record<Route, number> = { ping: 0, version: 0, info: 0, list: 0, inspect: 0, events: 0 };
  const faults = new Map<Route, Fault>();
  const streams = new Set<ServerResponse>();

  const bodies: Record<Exclude<Route, 'events'>, (url: URL) => unknown> = {
    ping: () => 'OK',
    version: () => version,
    info: () => ({ ...engine.capture.info, ...info }),
    list: ({ searchParams }) => engine.list(['1', 'true'].includes(searchParams.get('all') ?? '')),
    inspect: ({ pathname }) => engine.inspect(pathname.split('/')[2]!),
  };

  function follow(url: URL, response: ServerResponse): void {
    const filters = JSON.parse(url.searchParams.get('filters') ?? '{}') as { type?: string[]; event?: string[] };
    const { type = [], event: actions = [] } = filters;
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
    // No past events are kept.
    if (url.searchParams.has('until')) return void response.end();
    if (type.length > 0 && !type.includes('container')) return;
    const writeEvent = (event: ContainerEvent): void => {
      if (matchesEventFilter(capturedEngine, event.action, actions)) response.write(renderEvent(capturedEngine, event));
    };
    engine.on('event', writeEvent);
    streams.add(response);
    response.on('close', () => {
      engine.off('event', writeEvent);
      streams.delete(response);
    });
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://engine');
    const [, major, minor, path = url.pathname] = /^\/v(\d+)\.(\d+)(\/.*)$/.exec(url.pathname) ?? [];
    url.pathname = path;
    response.setHeader('api-version', version.ApiVersion);
    response.setHeader('server', isPodman ? 'Libpod/4.3.1 (linux)' : 'Docker/28.5.2 (linux)');
    if (minor !== undefined && !isPodman && Number(minor) > Number(version.ApiVersion.split('.')[1])) {
      const limit = `Maximum supported API version is ${version.ApiVersion}`;
      return respond(response, 400, { message: `client version ${major}.${minor} is too new. ${limit}` });
    }
    const route = (Object.keys(ROUTES) as Route[]).find((name) => ROUTES[name].test(path));
    if (request.method !== 'GET' || route === undefined) return respond(response, 404, { message: 'page not found' });
    calls[route]++;
    const fault = faults.get(route);
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'status') return respond(response, fault.status, { message: 'the engine is not well' });
    if (route === 'events') return follow(url, response);
    const body = bodies[route](url);
    if (body === null) return respond(response, 404, { message: `No such container: ${path.split('/')[2]}` });
    respond(response, 200, body, fault);
  }

  const server = createServer(handle);
  if ('socketPath' in listen) {
    await mkdir(dirname(listen.socketPath), { recursive: true });
    await rm(listen.socketPath, { force: true });
  }
  server.listen('socketPath' in listen ? { path: listen.socketPath } : { ...listen, host: '127.0.0.1' });
  await once(server, 'listening');
  const address = server.address();
  return {
    engine,
    server: {
      /** The value of DOCKER_HOST for clients. */
      dockerHost: typeof address === 'string' ? `unix://${address}` : `tcp://127.0.0.1:${address!.port}`,
      /** The number of calls of each route, including failed calls. */
      calls,
      /** Makes all calls of a route fail. With null, they succeed again. */
      setFault: (route: Route, fault: Fault | null) =>
        void (fault === null ? faults.delete(route) : faults.set(route, fault)),
      /** Ends all event streams, as a restart of the engine does. */
      dropEventStreams: () => streams.forEach((stream) => stream.destroy()),
      /** Returns the number of open event streams. */
      eventStreams: () => streams.size,
    },
    async close(): Promise<void> {
      clearTimeout(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function respond(response: ServerResponse, status: number, body: unknown, fault?: Fault): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const half = text.slice(0, text.length / 2);
  response.writeHead(status, { 'content-type': 'application/json' });
  if (fault?.kind === 'reset') response.write(half, () => response.destroy());
  else response.end(fault?.kind === 'truncate' ? half : text);
}
