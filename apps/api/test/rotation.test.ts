import { describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import type { Database } from '@muster/db';
import { serverOnly, testEngines } from '@muster/db/testing';
import fc from 'fast-check';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AgentIdentity } from '../src/services/enrollment/agent-token-cache.js';
import { createAgentTokenService } from '../src/services/enrollment/agent-token.js';
import { order } from './fixtures.js';
import { clocksOf, useApi, type TestApi, type TestClock } from './harness.js';

const HOUR_MS = 3_600_000;

/**
 * Creates a replica that pauses after the database has answered its first query, and continues when `resume` is called.
 */
function slowReplica({ db, clock }: { db: Database; clock: TestClock }) {
  let resume: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (resume = resolve));
  let hasRead: () => void = () => undefined;
  const read = new Promise<void>((resolve) => (hasRead = resolve));
  let first = true;
  async function slowly<T>(run: () => Promise<T>): Promise<T> {
    const isFirst = first;
    first = false;
    const answer = await run();
    if (!isFirst) return answer;
    hasRead();
    await gate;
    return answer;
  }
  const prisma = db.prisma.$extends({
    query: { $allOperations: ({ args, query }) => slowly(() => query(args)) },
  });
  const slow: Database = {
    ...db,
    query: (statement, values) => slowly(() => db.query(statement, values)),
    // An extended client has all methods of a client, but Prisma gives it another type.
    prisma: prisma as unknown as Database['prisma'],
  };
  return { tokens: createAgentTokenService(slow, clocksOf(clock)), read, resume };
}

const outcome = (call: Promise<unknown>) => call.then(() => 'admitted' as const).catch(() => 'refused' as const);

/**
 * One agent and its calls in flight. The agent keeps its old token until the API has accepted the next token. It
 * returns to the old token only if the next token may have expired before its first use.
 */
class SimulatedAgent {
  readonly #tokens;
  readonly #pendingCalls: { resume: () => void; callOutcome: Promise<unknown> }[] = [];
  #previousToken: string | null = null;
  #lastResponseAt = 0;

  constructor(
    readonly api: { db: Database; clock: TestClock },
    private currentToken: string,
  ) {
    this.#tokens = createAgentTokenService(api.db, clocksOf(api.clock));
  }

  async use(): Promise<AgentIdentity> {
    const mayHaveExpired = this.api.clock().getTime() - this.#lastResponseAt >= 24 * HOUR_MS;
    if (
      this.#previousToken !== null &&
      mayHaveExpired &&
      (await outcome(this.#tokens.authenticate(this.currentToken))) === 'refused'
    ) {
      this.currentToken = this.#previousToken;
    }
    this.#previousToken = null;
    return this.#tokens.authenticate(this.currentToken);
  }

  async rotate({ lost }: { lost: boolean }): Promise<void> {
    const answer = await this.#tokens.rotate(await this.use());
    this.#storeToken(this.currentToken, answer, lost);
  }

  /**
   * Rotates again with the old token, before the next token has been used. An agent does this if it stopped before it
   * could store the next token.
   */
  async rotateAgain({ lost }: { lost: boolean }): Promise<void> {
    if (this.#previousToken === null) return this.rotate({ lost });
    const by = this.#previousToken;
    const answer = await this.#tokens
      .authenticate(by)
      .then((identity) => this.#tokens.rotate(identity))
      .catch(() => null);
    // The old token was refused, because a call in flight has used the next token. The agent then continues with that
    // token.
    if (answer === null) return this.rotate({ lost });
    this.currentToken = by;
    this.#storeToken(by, answer, lost);
  }

  #storeToken(by: string, { agentToken }: { agentToken: string }, lost: boolean): void {
    this.#previousToken = lost ? null : by;
    this.currentToken = lost ? by : agentToken;
    this.#lastResponseAt = this.api.clock().getTime();
  }

  /** Sends a call that the server processes later. The agent does not wait for the response. */
  async send(kind: 'use' | 'rotate'): Promise<void> {
    const { tokens, read, resume } = slowReplica(this.api);
    const callOutcome =
      kind === 'use' ? outcome(tokens.authenticate(this.currentToken)) : outcome(tokens.rotate(await this.use()));
    await Promise.race([read, callOutcome]);
    this.#pendingCalls.push({ resume, callOutcome });
  }

  async deliver(): Promise<void> {
    const call = this.#pendingCalls.shift();
    call?.resume();
    await call?.callOutcome;
  }

  async deliverAll(): Promise<void> {
    while (this.#pendingCalls.length > 0) await this.deliver();
  }
}

const steps: Readonly<Record<string, (agent: SimulatedAgent) => unknown>> = {
  use: (agent) => agent.use(),
  rotate: (agent) => agent.rotate({ lost: false }),
  'rotate again': (agent) => agent.rotateAgain({ lost: false }),
  'rotate, response lost': (agent) => agent.rotate({ lost: true }),
  'rotate again, response lost': (agent) => agent.rotateAgain({ lost: true }),
  'send a use': (agent) => agent.send('use'),
  'send a rotation': (agent) => agent.send('rotate'),
  deliver: (agent) => agent.deliver(),
  'advance one hour': ({ api }) => api.clock.advance(HOUR_MS),
  'advance one day': ({ api }) => api.clock.advance(24 * HOUR_MS),
};

describe.each(testEngines())('the life cycle of agent tokens on %s:', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  const services = ({ db, clock }: TestApi) => createAgentTokenService(db, clocksOf(clock));
  const enrollHost = async () => (await context.api.organization()).enroll();

  test('the last token received is valid after any sequence of rotations, uses, losses and delays', async () => {
    const sequence = fc.array(fc.constantFrom(...Object.keys(steps)), { minLength: 3, maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(sequence, async (names) => {
        const agent = new SimulatedAgent(context.api, (await enrollHost()).token);
        for (const name of names) await steps[name]!(agent);
        await agent.deliverAll();
        await agent.use();
      }),
      { numRuns: 100 },
    );
  }, 240_000);

  test('a late first use of a token does not affect the next token, and both calls are admitted', async () => {
    const { token } = await enrollHost();
    const tokens = services(context.api);
    const slowServer = slowReplica(context.api);
    const lateCall = outcome(slowServer.tokens.authenticate(token));
    await slowServer.read;
    const { agentToken } = await tokens.rotate(await tokens.authenticate(token));
    slowServer.resume();
    expect(await lateCall).toBe('admitted');
    expect(await outcome(tokens.authenticate(agentToken))).toBe('admitted');
  });

  test('a first use after the token was revoked is refused', async () => {
    const { token } = await enrollHost();
    const tokens = services(context.api);
    const first = await tokens.authenticate(token);
    const { agentToken: replaced } = await tokens.rotate(first);
    const slowServer = slowReplica(context.api);
    const lateCall = outcome(slowServer.tokens.authenticate(replaced));
    await slowServer.read;
    const { agentToken: kept } = await tokens.rotate(first);
    slowServer.resume();
    expect(await lateCall).toBe('refused');
    expect(await outcome(tokens.authenticate(kept))).toBe('admitted');
  });

  test('concurrent first uses of one token are all admitted', async () => {
    const { token } = await enrollHost();
    const tokens = services(context.api);
    const calls = Array.from({ length: 8 }, () => outcome(tokens.authenticate(token)));
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['admitted']));
  });

  test('each token returned by concurrent rotations is valid until one of these tokens is used', async () => {
    const { token } = await enrollHost();
    const tokens = services(context.api);
    const agent = await tokens.authenticate(token);
    const slowServer = slowReplica(context.api);
    const lateAnswer = slowServer.tokens.rotate(agent);
    await slowServer.read;
    const early = await tokens.rotate(agent);
    slowServer.resume();
    await lateAnswer;
    expect(await outcome(tokens.authenticate(early.agentToken))).toBe('admitted');
  });

  test('a rotation is refused while another machine uses the token, and both machines stay connected', async () => {
    const host = await enrollHost();
    const tokens = services(context.api);
    const [original, copy] = [randomUUID(), randomUUID()];
    await host.sync([], order(original, 1));
    await host.sync([], order(copy, 1));
    context.api.clock.advance(61_000);
    // A heartbeat of the original is the first call that shows that two machines use the token.
    await host.beat({ digest: null }, order(original, 2)).expect(200);
    const agent = await tokens.authenticate(host.token);
    await expect(tokens.rotate(agent)).rejects.toMatchObject({ code: 'conflict' });
    expect(await context.api.db.prisma.agentToken.count({ where: { hostId: host.id } })).toBe(1);
    await host.sync([], order(copy, 2));

    context.api.clock.advance(24 * HOUR_MS);
    const { agentToken } = await tokens.rotate(agent);
    expect(await outcome(tokens.authenticate(agentToken))).toBe('admitted');
  });

  test('a rotation whose caller no longer waits issues no token', async () => {
    const { token } = await enrollHost();
    const tokens = services(context.api);
    const agent = await tokens.authenticate(token);
    const { agentToken } = await tokens.rotate(agent);
    await expect(tokens.rotate(agent, () => false)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await outcome(tokens.authenticate(agentToken))).toBe('admitted');
  });

  test('the order in which tokens were issued does not depend on the clocks of the processes', async () => {
    const { db, clock } = context.api;
    const { token } = await enrollHost();
    const behind = createAgentTokenService(db, { now: () => new Date(clock().getTime() - 5000) });
    const tokens = services(context.api);
    const agent = await tokens.authenticate(token);
    const { agentToken } = await behind.rotate(agent);
    await tokens.authenticate(agentToken);
    expect(await outcome(tokens.authenticate(token))).toBe('refused');
  });
});

// The embedded database has one connection, so no call waits for a lock of another transaction.
serverOnly(describe).each(['postgresql'] as const)('a rotation over HTTP on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  test('issues no token if its caller disconnects while the rotation waits for a lock', async () => {
    const { db, app } = context.api;
    const host = await (await context.api.organization()).enroll();
    await host.sync([]);
    const server = createServer(app).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await db.prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT id FROM hosts WHERE id = ${host.id}::uuid FOR UPDATE`;
      const headers = { authorization: `Bearer ${host.token}` };
      const call = request({ host: '127.0.0.1', port, path: Paths.agentToken, method: 'POST', headers });
      const [connection] = (await Promise.all([once(server, 'connection'), once(call.end(), 'socket')]))[0] as [
        NodeJS.EventEmitter,
      ];
      call.on('error', () => undefined);
      await waitsForLock(db);
      const closed = once(connection, 'close');
      call.destroy();
      await closed;
    });
    await new Promise((resolve) => server.close(resolve));
    // This snapshot gets the host's lock after the rotation, so the rotation has ended when the snapshot is stored.
    await host.sync([]);
    expect(await db.prisma.agentToken.count({ where: { hostId: host.id } })).toBe(1);
  });

  async function waitsForLock(db: Database): Promise<void> {
    for (;;) {
      const waiting = await db.prisma.$queryRaw<unknown[]>`
        SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      if (waiting.length > 0) return;
    }
  }
});
