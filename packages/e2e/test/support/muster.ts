import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, type Client } from '@muster/client';
import { ContainerEvent, ContainerView, EnrollmentTokenCreated, Host, Paths, page } from '@muster/contracts';
import { newToken, startApi, type Api } from '@muster/testkit';
import { createHttp } from '@muster/testkit/http';
import type { z } from 'zod';
import { freePort } from './ports.js';

/** A container as this version or an old version returns it. */
const AnyContainerView = ContainerView.partial({
  ...{ exit: true, oomKilled: true, restartCount: true, imageDigest: true },
  ...{ engineName: true, workload: true, isInfra: true },
});

/** A new enrollment token as this version or an old version returns it. */
const AnyEnrollmentTokenCreated = EnrollmentTokenCreated.partial({ labels: true });

/** The API as a process, on a database that survives restarts, and an operator's calls. */
export class Muster {
  /** The API key of an admin. */
  readonly key = newToken();
  /** The API's URL: empty before the first start, and unchanged by a restart. */
  url = '';
  #api: Api | null = null;
  #port = 0;

  /**
   * `env` is added to the API's environment. Databases and secrets are in `directory`. `workingDirectory` is the API's
   * working directory; default: the working directory of the tests.
   */
  constructor(
    private readonly directory: string,
    private readonly env: Readonly<Record<string, string>> = {},
    private readonly workingDirectory = process.cwd(),
  ) {}

  /**
   * Starts the API on the database at `DATABASE_URL`, or on an embedded database, which is created if it does not
   * exist. `main` is the API's main program; default: the built API of this version.
   */
  async start(database = 'data', main?: string): Promise<void> {
    const env = {
      MUSTER_DATA_DIR: join(this.directory, database),
      MUSTER_AGENT_RELEASE_DIR: join(this.directory, 'no-release'),
      MUSTER_HEARTBEAT_SECONDS: '1',
      MUSTER_SNAPSHOT_SECONDS: '10',
      MUSTER_DRAIN_SECONDS: '0',
    };
    // The port must still be free at a restart.
    if (this.#port === 0) this.#port = await freePort();
    const through = ['env', `--chdir=${this.workingDirectory}`];
    const options = { env: { ...env, ...this.env }, adminKey: this.key, port: this.#port, through };
    this.#api = await startApi(main === undefined ? options : { ...options, main });
    ({ url: this.url, port: this.#port } = this.#api);
  }

  async stop(): Promise<void> {
    await this.#api?.stop('SIGTERM');
    this.#api = null;
  }

  /** A client with the admin key. Its responses are not validated. */
  get client(): Client {
    return createClient({ url: this.url, key: this.key });
  }

  /** Reads the setup link of the first start. */
  async setupLink(): Promise<string> {
    return (await readFile(join(this.directory, 'data', 'setup-link'), 'utf8')).trim();
  }

  async enrollmentToken(name = 'test'): Promise<string> {
    const response = await this.#call(Paths.enrollmentTokens, 'POST', JSON.stringify({ name }));
    return AnyEnrollmentTokenCreated.parse(JSON.parse(response)).token;
  }

  hosts(): Promise<Host[]> {
    return this.#all(`${Paths.hosts}?`, Host);
  }

  /** Returns the only host. Throws if there is no host or more than one host. */
  async host(): Promise<Host> {
    const [host, ...others] = await this.hosts();
    if (host === undefined || others.length > 0) throw new Error('expected exactly one host');
    return host;
  }

  async deleteHost(hostId: string): Promise<void> {
    await this.#call(Paths.host.replace(':hostId', hostId), 'DELETE');
  }

  /** Returns all containers, in pages of 7. An old version does not return the fields that were added after 0.3. */
  async containers(query = ''): Promise<ContainerView[]> {
    return (await this.#all(`${Paths.containers}?limit=7${query}`, AnyContainerView)) as ContainerView[];
  }

  /** Returns the events of a container, oldest first. */
  async history(dockerId: string): Promise<ContainerEvent[]> {
    return (await this.#all(`${Paths.events}?limit=200&dockerId=${dockerId}`, ContainerEvent)).reverse();
  }

  /** Returns the response's text. */
  text(path: string): Promise<string> {
    return this.#call(path);
  }

  async #all<S extends z.ZodType>(path: string, item: S): Promise<z.output<S>[]> {
    const items: z.output<S>[] = [];
    let cursor: string | null = null;
    do {
      const next: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const list = page(item).parse(JSON.parse(await this.#call(path + next)));
      items.push(...list.items);
      cursor = list.nextCursor;
    } while (cursor !== null);
    return items;
  }

  async #call(path: string, method: 'GET' | 'POST' | 'DELETE' = 'GET', body?: string): Promise<string> {
    const http = createHttp(this.url, { timeoutMs: 30_000 });
    try {
      const { status, text } = await http.send({
        method,
        path,
        token: this.key,
        ...(body === undefined ? {} : { body }),
      });
      if (status >= 300) throw new Error(`${path} returned ${status}: ${text}`);
      return text;
    } finally {
      await http.close();
    }
  }
}
