import { afterAll, beforeAll } from '@jest/globals';
import { CONTAINER_FIELD_NAMES, Paths, type Cadence, type ContainerInput, type SyncSummary } from '@muster/contracts';
import type { Container, Database, DatabaseEngine, DatabaseOptions, Host } from '@muster/db';
import { createTestDatabase } from '@muster/db/testing';
import type { Express } from 'express';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import supertest from 'supertest';
import { createApp } from '../src/app.js';
import { issueToken } from '../src/lib/tokens.js';
import { checkDocumented } from './check-documented.js';
import { enrollRequest } from './fixtures.js';

/** A clock that moves only when a test advances it. */
export interface TestClock {
  (): Date;
  advance(ms: number): void;
}

export function testClock(start = new Date('2026-03-01T12:00:00.000Z')): TestClock {
  let current = start.getTime();
  return Object.assign(() => new Date(current), {
    advance: (ms: number) => {
      current += ms;
    },
  });
}

/**
 * Returns the clocks of an application under test: `now` for dates, and `elapsedMs` for durations. `elapsedMs` never
 * goes back, even if a test sets the date back.
 */
export function clocksOf(clock: TestClock) {
  let elapsedMs = clock().getTime();
  return { now: clock, elapsedMs: () => (elapsedMs = Math.max(elapsedMs, clock().getTime())) };
}

/** The secret with which all replicas sign cookies. */
const SECRET = 'a secret of tests, long enough to be one';
/** On a busy machine, a call can wait for seconds until the host's earlier calls have ended. */
export const AGENT_WAIT_MS_MAX = 60_000;

/** An application, its database, and methods for the setup that most tests need. */
export class TestApi {
  constructor(
    readonly db: Database,
    readonly app: Express,
    readonly clock: TestClock,
    /** A running server of the application. If it is null, supertest starts and stops a server for each call. */
    private readonly server: Server | null = null,
  ) {}

  /** Returns a client of the application. A response that differs from the OpenAPI document fails the test. */
  get http() {
    return supertest.agent(this.server ?? this.app).use(checkDocumented);
  }

  /** Returns another process on the same database, with empty caches. */
  replica(): TestApi {
    const options = { secret: SECRET, agentWaitMsMax: AGENT_WAIT_MS_MAX };
    return new TestApi(this.db, createApp({ db: this.db, ...clocksOf(this.clock), ...options }), this.clock);
  }

  /** Creates an organization with one key. Tests of one file share a database, but never an organization. */
  async organization(): Promise<TestOrganization> {
    const id = randomUUID();
    await this.db.prisma.organization.create({ data: { id, name: id, slug: id } });
    return new TestOrganization(this, id, await this.apiKey(id, 'admin'));
  }

  async apiKey(organizationId: string, role: 'admin' | 'viewer', dates: { expiresAt?: Date; revokedAt?: Date } = {}) {
    const { token, hash } = issueToken('key');
    await this.db.prisma.apiKey.create({
      data: { organizationId, hash, name: role, role, createdAt: this.clock(), ...dates },
    });
    return token;
  }
}

export class TestOrganization {
  constructor(
    readonly api: TestApi,
    readonly id: string,
    readonly adminKey: string,
  ) {}

  get(path: string) {
    return this.api.http.get(path).auth(this.adminKey, { type: 'bearer' });
  }

  async enrollmentToken(request: object = { name: 'test' }): Promise<{ id: string; token: string }> {
    const call = this.api.http.post(Paths.enrollmentTokens).auth(this.adminKey, { type: 'bearer' }).send(request);
    return bodyOf(call, 201);
  }

  /** Enrolls a machine. `status` is the expected status, which is 200 if the machine enrolls again. */
  async enroll(facts: object = {}, status = 201): Promise<TestHost> {
    const { token } = await this.enrollmentToken();
    const call = this.api.http.post(Paths.agentEnroll).auth(token, { type: 'bearer' }).send(enrollRequest(facts));
    const { hostId, agentToken } = await bodyOf<{ hostId: string; agentToken: string }>(call, status);
    return new TestHost(this, hostId, agentToken);
  }
}

export class TestHost {
  constructor(
    readonly organization: TestOrganization,
    readonly id: string,
    readonly token: string,
  ) {}

  /** Returns a client for this host that sends its calls to another process. */
  through(api: TestApi): TestHost {
    const { id, adminKey } = this.organization;
    return new TestHost(new TestOrganization(api, id, adminKey), this.id, this.token);
  }

  /** Posts a snapshot and returns the request, for tests that check more than the summary. */
  post(snapshot: unknown, headers: Record<string, string> = {}) {
    return this.organization.api.http
      .post(Paths.agentContainers)
      .auth(this.token, { type: 'bearer' })
      .set('Content-Type', 'application/json')
      .set(headers)
      .send(typeof snapshot === 'string' ? snapshot : JSON.stringify(snapshot));
  }

  async sync(snapshot: readonly ContainerInput[], headers: Record<string, string> = {}): Promise<SyncSummary> {
    return bodyOf(this.post(snapshot, headers), 200);
  }

  beat(heartbeat: object, headers: Record<string, string> = {}) {
    return this.organization.api.http
      .post(Paths.agentHeartbeat)
      .auth(this.token, { type: 'bearer' })
      .set(headers)
      .send(heartbeat);
  }

  /** Returns the fields that an agent sends for each present container, by dockerId. */
  async present(): Promise<Record<string, object>> {
    const rows = await this.organization.api.db.prisma.container.findMany({
      where: { hostId: this.id, removedAt: null },
      orderBy: { dockerId: 'asc' },
    });
    return Object.fromEntries(
      rows.map((row) => [
        row.dockerId,
        {
          ...Object.fromEntries(SENT_FIELDS.map((name) => [name, row[name]])),
          startedAt: iso(row.startedAt),
          // The value is null if the agent did not report the fact.
          ...Object.fromEntries(OPTIONAL_FACTS.flatMap((name) => (row[name] === null ? [] : [[name, row[name]]]))),
        },
      ]),
    );
  }

  row(dockerId: string): Promise<Container | null> {
    return this.organization.api.db.prisma.container.findUnique({
      where: { hostId_dockerId: { hostId: this.id, dockerId } },
    });
  }

  host(): Promise<Host> {
    return this.organization.api.db.prisma.host.findUniqueOrThrow({ where: { id: this.id } });
  }

  /** Returns the events of this host with their `from` and `to` values, oldest first. */
  async history(): Promise<[kind: string, dockerId: string, from: unknown, to: unknown][]> {
    const events = await this.organization.api.db.prisma.containerEvent.findMany({
      where: { hostId: this.id },
      orderBy: [{ tx: 'asc' }, { id: 'asc' }],
    });
    return events.map(({ kind, dockerId, from, to }) => [kind, dockerId, from, to]);
  }
}

/**
 * Returns the body of a response. Throws if the response has another status. supertest's `expect` is slower, because it
 * records a stack for each call.
 */
async function bodyOf<T>(call: supertest.Test, status: number): Promise<T> {
  const answer = await call;
  if (answer.status !== status) throw new Error(`expected ${status}, received ${answer.status}: ${answer.text}`);
  return answer.body as T;
}

/** The facts that an agent need not report. */
const OPTIONAL_FACTS = ['exit', 'oomKilled', 'restartCount', 'imageDigest'] as const;

/** The fields that an agent sets in each container. */
const SENT_FIELDS = CONTAINER_FIELD_NAMES.filter(
  (name) => name !== 'truncated' && !OPTIONAL_FACTS.some((fact) => fact === name),
);

const iso = (date: Date | null) => date?.toISOString() ?? null;

/** The databases that all test files of a group share, because a group loads this module only once. */
const sharedDatabases = new Map<DatabaseEngine, Promise<Database>>();
afterAll(async () => {
  for (const database of sharedDatabases.values()) await (await database).close();
});

function sharedDatabase(engine: DatabaseEngine): Promise<Database> {
  const database = sharedDatabases.get(engine) ?? createTestDatabase(engine);
  sharedDatabases.set(engine, database);
  return database;
}

/**
 * Creates an application for the tests of a `describe`, and closes its database after them. With `sharesDatabase`, uses
 * a database that other tests of the group also use, because creating a database takes time. That database is closed
 * after all tests of the group.
 */
export function useApi(
  engine: DatabaseEngine,
  {
    database = {},
    sharesDatabase = false,
    ...options
  }: { cadence?: Cadence; database?: DatabaseOptions; sharesDatabase?: boolean } = {},
): { readonly api: TestApi } {
  const holder: { api?: TestApi; server?: Server } = {};
  beforeAll(async () => {
    const db = sharesDatabase ? await sharedDatabase(engine) : await createTestDatabase(engine, database);
    const clock = testClock();
    const app = createApp({
      ...{ db, ...clocksOf(clock), secret: SECRET, agentWaitMsMax: AGENT_WAIT_MS_MAX },
      ...options,
    });
    holder.server = createServer(app).listen(0, '127.0.0.1');
    await once(holder.server, 'listening');
    holder.api = new TestApi(db, app, clock, holder.server);
  });
  afterAll(async () => {
    holder.server?.close();
    holder.server?.closeAllConnections();
    if (!sharesDatabase) await holder.api?.db.close();
  });
  return {
    get api() {
      if (!holder.api) throw new Error('the application exists only within tests: beforeAll creates it');
      return holder.api;
    },
  };
}
