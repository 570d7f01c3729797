import { request } from 'node:http';

/** What a test's container is made of; what is left out is the image's own. */
export interface DockerContainerSpec {
  name: string;
  image?: string;
  /** The command and its arguments; by default it sleeps for a day. */
  command?: readonly string[];
  labels?: Readonly<Record<string, string>>;
  /** `publicPort` left out: exposed, not published. */
  ports?: readonly { privatePort: number; publicPort?: number; ip?: string; type?: 'tcp' | 'udp' }[];
  /** A shell command that ends with 0 while the container is well, run each half second. */
  healthCheck?: string;
  restartPolicy?: 'no' | 'always' | 'on-failure';
  env?: readonly string[];
}

/** One element of the engine's list, as far as tests compare it. */
export interface DockerListEntry {
  Id: string;
  Names: string[];
  Image: string;
  ImageID: string;
  Command: string;
  State: string;
  Status: string;
  Ports: { IP?: string; PrivatePort: number; PublicPort?: number; Type: string }[];
  Labels: Record<string, string>;
}

/** What a test does with an engine. Each call throws with the engine's own message where it refuses. */
export interface DockerClient {
  isAnswering(): Promise<boolean>;
  /** Makes an image of a root file system, and calls it `tag`. */
  importImage(tag: string, tar: Buffer): Promise<void>;
  /** Creates a container, and gives its id. */
  create(spec: DockerContainerSpec): Promise<string>;
  /** Creates and starts one. */
  run(spec: DockerContainerSpec): Promise<string>;
  startContainer(id: string): Promise<void>;
  stopContainer(id: string): Promise<void>;
  killContainer(id: string): Promise<void>;
  restartContainer(id: string): Promise<void>;
  pause(id: string): Promise<void>;
  unpause(id: string): Promise<void>;
  rename(id: string, name: string): Promise<void>;
  remove(id: string): Promise<void>;
  removeAllContainers(): Promise<void>;
  list(): Promise<DockerListEntry[]>;
  inspect(id: string): Promise<{ State: { StartedAt: string; Status: string } }>;
  engineId(): Promise<string>;
}

const CALL_MS_MAX = 30_000;

/** A client of the engine that listens on `socketPath`. */
export function createDockerClient(socketPath: string): DockerClient {
  function call(method: string, path: string, body?: Buffer | object, timeoutMs = CALL_MS_MAX): Promise<string> {
    const bytes = body === undefined ? undefined : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    const type = Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json';
    const headers = bytes === undefined ? {} : { 'content-type': type, 'content-length': bytes.length };
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(timeoutMs);
      const outgoing = request({ socketPath, method, path, headers, signal, agent: false }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if ((response.statusCode ?? 500) < 400) resolve(text);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${text.trim()}`));
        });
      });
      outgoing.on('error', reject);
      outgoing.end(bytes);
    });
  }
  const post = async (path: string, body?: object): Promise<void> => void (await call('POST', path, body));
  const get = async <T>(path: string): Promise<T> => JSON.parse(await call('GET', path)) as T;

  const client: DockerClient = {
    isAnswering: () =>
      call('GET', '/_ping', undefined, 2_000).then(
        () => true,
        () => false,
      ),
    async importImage(tag, tar) {
      const [repository, version] = tag.split(':');
      await call('POST', `/images/create?fromSrc=-&repo=${repository}&tag=${version}`, tar);
    },
    async create(spec) {
      const path = `/containers/create?name=${encodeURIComponent(spec.name)}`;
      return (JSON.parse(await call('POST', path, toCreateBody(spec))) as { Id: string }).Id;
    },
    async run(spec) {
      const id = await client.create(spec);
      await client.startContainer(id);
      return id;
    },
    startContainer: (id) => post(`/containers/${id}/start`),
    stopContainer: (id) => post(`/containers/${id}/stop?t=1`),
    killContainer: (id) => post(`/containers/${id}/kill`),
    restartContainer: (id) => post(`/containers/${id}/restart?t=1`),
    pause: (id) => post(`/containers/${id}/pause`),
    unpause: (id) => post(`/containers/${id}/unpause`),
    rename: (id, name) => post(`/containers/${id}/rename?name=${encodeURIComponent(name)}`),
    remove: async (id) => void (await call('DELETE', `/containers/${id}?force=1&v=1`)),
    async removeAllContainers() {
      for (const { Id } of await client.list()) await client.remove(Id);
    },
    list: () => get('/containers/json?all=1'),
    inspect: (id) => get(`/containers/${id}/json`),
    engineId: async () => (await get<{ ID: string }>('/info')).ID,
  };
  return client;
}

/** The engine's own words for a specification. */
function toCreateBody(spec: DockerContainerSpec): object {
  const { image = 'test/bb:1', command = ['sleep', '1d'], labels = {}, ports = [], restartPolicy = 'no' } = spec;
  const second = 1_000_000_000;
  const keyOf = (port: (typeof ports)[number]): string => `${port.privatePort}/${port.type ?? 'tcp'}`;
  const published = ports.filter(({ publicPort }) => publicPort !== undefined);
  return {
    Image: image,
    Cmd: command,
    Labels: labels,
    Env: spec.env ?? [],
    ExposedPorts: Object.fromEntries(ports.map((port) => [keyOf(port), {}])),
    ...(spec.healthCheck === undefined
      ? {}
      : {
          Healthcheck: { Test: ['CMD-SHELL', spec.healthCheck], Interval: second / 2, Timeout: 5 * second, Retries: 1 },
        }),
    HostConfig: {
      RestartPolicy: { Name: restartPolicy },
      PortBindings: Object.fromEntries(
        published.map((port) => [keyOf(port), [{ HostIp: port.ip ?? '', HostPort: String(port.publicPort) }]]),
      ),
    },
  };
}
