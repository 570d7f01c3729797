import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import {
  ContainerEvent,
  ContainerView,
  EnrollmentTokenCreated,
  Host,
  Paths,
  TOKEN_RANDOM_BYTES,
  formatToken,
  page,
} from '@muster/contracts';
import type { z } from 'zod';
import { eventually, startProgram, type Program } from './program.js';

/** The API as a child process, on a database in `dir` that survives restarts, with calls of an operator. */
export class Muster {
  /** The API key of an admin. */
  readonly key = formatToken('key', randomBytes(TOKEN_RANDOM_BYTES));
  #program: Program | null = null;
  #port = '0';
  url = '';

  constructor(
    private readonly dir: string,
    private readonly snapshotSeconds = 10,
    private readonly agentReleaseDir = join(dir, 'no-release'),
    private readonly heartbeatSeconds = 1,
  ) {}

  /** Starts the API on the named database, which is created if missing, and on the same port as before. */
  async start(database = 'data'): Promise<void> {
    const program = startProgram('api', [], {
      ...{ HOST: '127.0.0.1', PORT: this.#port, MUSTER_DATA_DIR: join(this.dir, database), MUSTER_ADMIN_KEY: this.key },
      ...{ MUSTER_SNAPSHOT_SECONDS: String(this.snapshotSeconds), MUSTER_AGENT_RELEASE_DIR: this.agentReleaseDir },
      ...{ MUSTER_HEARTBEAT_SECONDS: String(this.heartbeatSeconds), MUSTER_DRAIN_SECONDS: '0', LOG_LEVEL: 'warn' },
    });
    this.#program = program;
    this.url = await eventually(() => {
      const line = /Muster is listening on (\S+)/.exec(program.stdout());
      if (line) return line[1]!;
      throw new Error(`the API is not listening: ${program.stderr()}`);
    }, 120_000);
    this.#port = new URL(this.url).port;
  }

  async stop(): Promise<void> {
    await this.#program?.stop();
    this.#program = null;
  }

  async enrollmentToken(): Promise<string> {
    const answer = await this.#call(Paths.enrollmentTokens, { method: 'POST', body: '{"name":"test"}' });
    return EnrollmentTokenCreated.parse(JSON.parse(answer)).token;
  }

  async hosts(): Promise<Host[]> {
    return this.#all(Paths.hosts, Host);
  }

  /** Returns the only host. Throws if there are none or several. */
  async host(): Promise<Host> {
    const [host, ...others] = await this.hosts();
    if (host === undefined || others.length > 0) throw new Error('expected exactly one host');
    return host;
  }

  async deleteHost(hostId: string): Promise<void> {
    await this.#call(Paths.host.replace(':hostId', hostId), { method: 'DELETE' });
  }

  /** Returns all containers, in pages of 7. */
  containers(query = ''): Promise<ContainerView[]> {
    return this.#all(`${Paths.containers}?limit=7${query}`, ContainerView);
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
      const next: string =
        cursor === null ? '' : `${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}`;
      const answer = page(item).parse(JSON.parse(await this.#call(path + next)));
      items.push(...answer.items);
      cursor = answer.nextCursor;
    } while (cursor !== null);
    return items;
  }

  async #call(path: string, init: RequestInit = {}): Promise<string> {
    const headers = { authorization: `Bearer ${this.key}`, 'content-type': 'application/json' };
    const response = await fetch(this.url + path, { ...init, headers, signal: AbortSignal.timeout(10_000) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} returned ${response.status}: ${text}`);
    return text;
  }
}
