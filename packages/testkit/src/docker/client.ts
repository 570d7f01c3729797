import type { EngineInspect, EngineListEntry } from '../engine-replay/captures.js';
import { createHttp } from '../http.js';

/** A container of a test. Default values are those of the image. */
export interface DockerContainerSpec {
  name: string;
  /** The command with its arguments. Default: sleeps for a day. */
  command?: readonly string[];
  labels?: Readonly<Record<string, string>>;
  /** A port without `publicPort` is exposed and not published. */
  ports?: readonly { privatePort: number; publicPort?: number; ip?: string; type?: 'tcp' | 'udp' }[];
  /** A shell command that succeeds while the container is healthy. Run every half second. */
  healthCheck?: string;
  restartPolicy?: 'no' | 'always' | 'on-failure';
  env?: readonly string[];
}

/** The last part of a call's path: `POST /containers/ID/ACTION`. */
export type ContainerAction =
  'start' | 'stop?t=1' | 'kill' | 'restart?t=1' | 'pause' | 'unpause' | `rename?name=${string}`;

/** Calls of an engine's API. They throw with the engine's message if the engine rejects them. */
export interface DockerClient {
  isAnswering(): Promise<boolean>;
  /** Creates an image from the tar archive of a root file system. */
  importImage(repository: string, tag: string, tar: Buffer): Promise<void>;
  /** Creates a container, and returns its id. */
  create(spec: DockerContainerSpec): Promise<string>;
  /** Creates and starts a container, and returns its id. */
  run(spec: DockerContainerSpec): Promise<string>;
  act(id: string, action: ContainerAction): Promise<void>;
  remove(id: string): Promise<void>;
  list(): Promise<EngineListEntry[]>;
  inspect(id: string): Promise<EngineInspect>;
  engineId(): Promise<string>;
  /** Closes the client's connections. */
  close(): Promise<void>;
}

/** The image of all containers: busybox and links to it. */
export const TEST_IMAGE = { repository: 'test/bb', tag: '1' };

const PING_MS_MAX = 2_000;
const SECOND_NS = 1_000_000_000;

/** Creates a client of the engine that listens on `socketPath`. */
export function createDockerClient(socketPath: string): DockerClient {
  const http = createHttp('http://docker', { socketPath });

  async function call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<string> {
    const headers = Buffer.isBuffer(body) ? { 'content-type': 'application/x-tar' } : {};
    const bytes = body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const { status, text } = await http.send({
      method,
      path,
      headers,
      ...(bytes === undefined ? {} : { body: bytes }),
    });
    if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text.trim()}`);
    return text;
  }
  const get = async <T>(path: string): Promise<T> => JSON.parse(await call('GET', path)) as T;
  const act = async (id: string, action: ContainerAction) => void (await call('POST', `/containers/${id}/${action}`));

  async function create(spec: DockerContainerSpec): Promise<string> {
    const created = await call('POST', `/containers/create?name=${spec.name}`, toCreateBody(spec));
    return (JSON.parse(created) as { Id: string }).Id;
  }

  return {
    async isAnswering() {
      const ping = http.send({ path: '/_ping', timeoutMs: PING_MS_MAX });
      return ping.then(
        ({ status }) => status < 400,
        () => false,
      );
    },
    async importImage(repository, tag, tar) {
      await call('POST', `/images/create?fromSrc=-&repo=${repository}&tag=${tag}`, tar);
    },
    create,
    async run(spec) {
      const id = await create(spec);
      await act(id, 'start');
      return id;
    },
    act,
    remove: async (id) => void (await call('DELETE', `/containers/${id}?force=1&v=1`)),
    list: () => get('/containers/json?all=1'),
    inspect: (id) => get(`/containers/${id}/json`),
    engineId: async () => (await get<{ ID: string }>('/info')).ID,
    close: () => http.close(),
  };
}

function toCreateBody(spec: DockerContainerSpec): object {
  const { command = ['sleep', '1d'], labels = {}, ports = [], healthCheck, restartPolicy = 'no', env = [] } = spec;
  const keyOf = ({ privatePort, type = 'tcp' }: (typeof ports)[number]): string => `${privatePort}/${type}`;
  const published = ports.filter(({ publicPort }) => publicPort !== undefined);
  return {
    Image: `${TEST_IMAGE.repository}:${TEST_IMAGE.tag}`,
    Cmd: command,
    Labels: labels,
    Env: env,
    ExposedPorts: Object.fromEntries(ports.map((port) => [keyOf(port), {}])),
    // Undefined is left out of the JSON.
    Healthcheck: healthCheck && {
      Test: ['CMD-SHELL', healthCheck],
      Interval: SECOND_NS / 2,
      Timeout: 5 * SECOND_NS,
      Retries: 1,
    },
    HostConfig: {
      RestartPolicy: { Name: restartPolicy },
      PortBindings: Object.fromEntries(
        published.map((port) => [keyOf(port), [{ HostIp: port.ip ?? '', HostPort: String(port.publicPort) }]]),
      ),
    },
  };
}
