import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** The kinds of calls that a client makes to an engine. */
export type EngineRoute =
  'ping' | 'version' | 'info' | 'list' | 'inspect' | 'image' | 'events' | 'pastEvents' | 'other';

/** A received call. `path` has neither the API version nor the query. `query` begins with `?`, or is empty. */
export interface ReceivedCall {
  route: EngineRoute;
  path: string;
  query: string;
  atMs: number;
}

/**
 * How a call is answered. A missing field has its usual value: `{ delayMs: 500 }` is the usual response after half a
 * second, and `{ after: promise }` is the usual response after the promise has been fulfilled. `reset` closes the
 * connection, and `hang` never answers.
 */
export type EngineReaction =
  | { status?: number; text?: string; json?: unknown; delayMs?: number; after?: Promise<unknown> }
  | 'reset'
  | 'hang'
  | null;

type ReactionRule = EngineReaction | ((path: string) => EngineReaction);

/** The fields of a scripted container that tests set. */
export interface ScriptedContainer {
  name?: string;
  state?: string;
  status?: string;
  startedAt?: string;
  /** The image in the list, its id, and the image that an inspection returns. */
  image?: string;
  imageId?: string;
  configImage?: string;
  /** The health that an inspection returns. */
  health?: string;
  /** Further fields of the inspection's `State`. */
  inspectedState?: object;
}

/**
 * An engine whose list, inspections and events are set separately and can contradict each other. Unlike the replayed
 * engine of packages/testkit, it can also answer like a proxy or a broken engine.
 */
export class ScriptedEngine {
  /** The value of the header `Api-Version`; null if the engine does not send this header. */
  apiVersion: string | null = '1.47';
  version: object = { Version: '27.0.1', Os: 'linux', Arch: 'amd64', Components: [{ Name: 'Engine' }] };
  info: object = { ID: 'AAAA:BBBB', Name: 'box', OperatingSystem: 'Test', Architecture: 'x86_64', DockerRootDir: '/d' };
  /** The response to `GET /containers/json`. */
  list: ({ Id: string } & Record<string, unknown>)[] = [];
  /** The responses to inspections, by container id. Other ids get 404. */
  readonly inspections = new Map<string, object>();
  /** The repository digests of images, by image id. Other ids get 404. */
  readonly repoDigests = new Map<string, string[]>();
  /** The lines of the response to a request for past events. */
  pastEvents: string[] = [];
  /** Paths that a proxy in front of the engine answers with 403. */
  forbidden = /$^/;
  /** All received calls, in order. */
  received: ReceivedCall[] = [];
  #server: Server | null = null;
  #dockerHost = '';
  readonly #rules = new Map<EngineRoute, ReactionRule>();
  readonly #streams = new Set<ServerResponse>();

  /**
   * Starts the engine on a Unix socket, or on a free port of the loopback interface. Can be called again after `close`.
   */
  async listen(socketPath?: string): Promise<string> {
    this.#server = createServer((request, response) => void this.#receive(request, response));
    if (socketPath !== undefined) await rm(socketPath, { force: true });
    this.#server.listen(socketPath === undefined ? { port: 0, host: '127.0.0.1' } : { path: socketPath });
    await once(this.#server, 'listening');
    this.#dockerHost =
      socketPath === undefined
        ? `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
        : `unix://${socketPath}`;
    return this.#dockerHost;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    server?.closeAllConnections();
    if (server !== null) await new Promise((resolve) => server.close(resolve));
  }

  /** The value of DOCKER_HOST for clients. */
  get dockerHost(): string {
    return this.#dockerHost;
  }

  /**
   * Adds a container to the list and to the inspections, or replaces it. By default, the container has been running for
   * hours.
   */
  set(id: string, container: ScriptedContainer = {}): void {
    const { name = id, state = 'running', status = 'Up 3 hours', startedAt, health, inspectedState } = container;
    const { image = 'app:1', imageId = '', configImage = image } = container;
    const listed = { Id: id, Names: [`/${name}`], Image: image, ImageID: imageId, State: state, Status: status };
    const index = this.list.findIndex(({ Id }) => Id === id);
    this.list.splice(index === -1 ? this.list.length : index, 1, listed);
    const Health = health === undefined ? {} : { Health: { Status: health } };
    const State = { Status: state, StartedAt: startedAt ?? '2026-11-01T10:00:00Z', ...Health, ...inspectedState };
    this.inspections.set(id, { Id: id, State, Config: { Image: configImage } });
  }

  /** Removes a container from the list and from the inspections. */
  remove(id: string): void {
    this.list = this.list.filter(({ Id }) => Id !== id);
    this.inspections.delete(id);
  }

  /** Answers all calls of a route in this way from now on. Null means the usual response. */
  react(route: EngineRoute, rule: ReactionRule): void {
    if (rule === null) this.#rules.delete(route);
    else this.#rules.set(route, rule);
  }

  /** Returns the number of calls of a route, including failed calls. */
  count(route: EngineRoute): number {
    return this.received.filter((each) => each.route === route).length;
  }

  /** Sends an event to all subscribers. Their filters are ignored. */
  emit(Action: string, id: string, fields: object = {}): void {
    const line = JSON.stringify({ Type: 'container', Action, Actor: { ID: id, Attributes: {} }, ...fields });
    for (const stream of this.#streams) stream.write(`${line}\n`);
  }

  /** Returns the number of open event streams. */
  eventStreams(): number {
    return this.#streams.size;
  }

  /** Ends all event streams, as a proxy with an idle timeout does. */
  closeEventStreams(): void {
    for (const stream of this.#streams) stream.end();
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url!.split('?')[0]!.replace(/^\/v[\d.]+/, '');
    const route = request.url!.includes('until=') ? 'pastEvents' : routeOf(path);
    const query = /\?.*/.exec(request.url!)?.[0] ?? '';
    this.received.push({ route, path, query, atMs: performance.now() });
    const rule = this.#rules.get(route) ?? null;
    const reaction = typeof rule === 'function' ? rule(path) : rule;
    if (reaction === 'hang') return;
    if (reaction === 'reset') return void request.socket.destroy();
    if (reaction?.delayMs !== undefined) await sleep(reaction.delayMs);
    await reaction?.after;
    if (response.destroyed) return;
    if (this.apiVersion !== null) response.setHeader('Api-Version', this.apiVersion);
    if (this.forbidden.test(path)) response.writeHead(403).end('Request forbidden by administrative rules.');
    else if (reaction?.text !== undefined) response.writeHead(reaction.status ?? 200).end(reaction.text);
    else if (reaction?.json !== undefined || reaction?.status !== undefined) {
      sendJson(response, reaction.status ?? 200, reaction.json ?? { message: 'as the script says' });
    } else if (route === 'events') this.#follow(response);
    else if (route === 'pastEvents') response.writeHead(200).end(this.pastEvents.map((line) => `${line}\n`).join(''));
    else this.#answer(route, path, response);
  }

  #answer(route: EngineRoute, path: string, response: ServerResponse): void {
    const RepoDigests = this.repoDigests.get(decodeURIComponent(path.split('/')[2] ?? ''));
    const answers: Partial<Record<EngineRoute, unknown>> = {
      image: RepoDigests && { RepoDigests },
      version: { ApiVersion: this.apiVersion, ...this.version },
      info: this.info,
      list: this.list,
      inspect: this.inspections.get(path.split('/')[2]!),
    };
    if (route === 'ping') response.writeHead(200).end('OK');
    else if (answers[route] === undefined) sendJson(response, 404, { message: 'No such container' });
    else sendJson(response, 200, answers[route]);
  }

  #follow(response: ServerResponse): void {
    response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders();
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
  }
}

function routeOf(path: string): EngineRoute {
  if (path === '/_ping') return 'ping';
  if (path === '/containers/json') return 'list';
  if (/^\/containers\/[^/]+\/json$/.test(path)) return 'inspect';
  if (path.startsWith('/images/')) return 'image';
  return path === '/version' || path === '/info' || path === '/events' ? (path.slice(1) as EngineRoute) : 'other';
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}
