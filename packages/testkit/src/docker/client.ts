import type { EngineInspect, EngineListEntry } from '../engine-replay/captures.js';
import { createHttp, type Call } from '../http.js';

/** A container of a test. The image provides the default values. */
export interface DockerContainerSpec {
  name: string;
  /** The command with its arguments. Default: sleeps for a day. */
  command?: readonly string[];
  labels?: Readonly<Record<string, string>>;
  /** A port without `publicPort` is exposed, but not published. */
  ports?: readonly { privatePort: number; publicPort?: number; ip?: string; type?: 'tcp' | 'udp' }[];
  /** A shell command that succeeds while the container is healthy. The engine runs it every half second. */
  healthCheck?: string;
  restartPolicy?: 'no' | 'always' | 'on-failure';
  env?: readonly string[];
}

/** The last part of a call's path: `POST /containers/ID/ACTION`. */
export type ContainerAction =
  'start' | 'stop?t=1' | 'kill' | 'restart?t=1' | 'pause' | 'unpause' | `rename?name=${string}`;

/** The image of all containers: busybox and links to it. */
const IMAGE = { repository: 'test/bb', tag: '1' };

const PING_MS_MAX = 2_000;
const SECOND_NS = 1_000_000_000;

/** Creates a client of the engine on `socketPath`. A rejected call throws an error with the engine's message. */
export function createDockerClient(socketPath: string) {
  const http = createHttp('http://docker', { socketPath });

  async function call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    content: Pick<Call, 'headers' | 'body'> = {},
  ): Promise<string> {
    const { status, text } = await http.send({ method, path, ...content });
    if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text.trim()}`);
    return text;
  }
  const get = async <T>(path: string): Promise<T> => JSON.parse(await call('GET', path)) as T;
  const act = async (id: string, action: ContainerAction) => void (await call('POST', `/containers/${id}/${action}`));

  /** Creates a container, and returns its id. */
  async function create(spec: DockerContainerSpec): Promise<string> {
    const body = JSON.stringify(toCreateBody(spec));
    const created = await call('POST', `/containers/create?name=${spec.name}`, { body });
    return (JSON.parse(created) as { Id: string }).Id;
  }

  return {
    isAnswering: (): Promise<boolean> =>
      http.send({ path: '/_ping', timeoutMs: PING_MS_MAX }).then(
        ({ status }) => status < 400,
        () => false,
      ),
    /** Creates the image of all containers from the tar archive of a root file system. */
    async importImage(tar: Buffer): Promise<void> {
      const path = `/images/create?fromSrc=-&repo=${IMAGE.repository}&tag=${IMAGE.tag}`;
      await call('POST', path, { headers: { 'content-type': 'application/x-tar' }, body: tar });
    },
    create,
    /** Creates and starts a container, and returns its id. */
    async run(spec: DockerContainerSpec): Promise<string> {
      const id = await create(spec);
      await act(id, 'start');
      return id;
    },
    act,
    remove: async (id: string) => void (await call('DELETE', `/containers/${id}?force=1&v=1`)),
    list: () => get<EngineListEntry[]>('/containers/json?all=1'),
    inspect: (id: string) => get<EngineInspect>(`/containers/${id}/json`),
    engineId: async () => (await get<{ ID: string }>('/info')).ID,
    close: () => http.close(),
  };
}

function toCreateBody(spec: DockerContainerSpec): object {
  const { command = ['sleep', '1d'], labels = {}, ports = [], healthCheck, restartPolicy = 'no', env = [] } = spec;
  const keyOf = ({ privatePort, type = 'tcp' }: (typeof ports)[number]): string => `${privatePort}/${type}`;
  const published = ports.filter(({ publicPort }) => publicPort !== undefined);
  return {
    Image: `${IMAGE.repository}:${IMAGE.tag}`,
    Cmd: command,
    Labels: labels,
    Env: env,
    ExposedPorts: Object.fromEntries(ports.map((port) => [keyOf(port), {}])),
    // JSON omits a property that is undefined.
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
