import { afterEach, describe, expect, test } from '@jest/globals';
import { createTestDatabase, serverOnly, testEngines } from '@muster/db/testing';
import { Paths, type ContainerEvent } from '@muster/contracts';
import express from 'express';
import { randomUUID } from 'node:crypto';
import { createApp, type AppOptions } from '../src/app.js';
import { openEventStream } from '../src/http/event-stream.js';
import type { AdmissionOptions } from '../src/http/admission-control.js';
import type { StreamSink } from '../src/services/live/listener.js';
import { admitted } from './admitted.js';
import { container } from './fixtures.js';
import { type TestApi, useApi, type TestHost, type TestOrganization } from './harness.js';
import { TestServer, type StreamClient } from './listening.js';

const FAST = { feedIntervalMs: 20, hostsIntervalMs: 20, recheckMs: 50 };

/** Returns a function that starts servers over the database. They are closed after each test. */
function useServers(context: { readonly api: TestApi }) {
  const servers: TestServer[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });
  return async (parts: Partial<AppOptions> = {}, admission: AdmissionOptions = {}) => {
    const { db, clock } = context.api;
    const server = await TestServer.start(admitted(createApp({ db, now: clock, stream: FAST, ...parts }), admission));
    servers.push(server);
    return server;
  };
}

const ids = (client: StreamClient) => client.of('container').map(({ id }) => id);

/** Returns the ids of an organization's events, in the order of the feed. */
async function historyOf({ api, id }: TestOrganization): Promise<string[]> {
  const events = await api.db.prisma.containerEvent.findMany({
    where: { organizationId: id },
    orderBy: [{ tx: 'asc' }, { id: 'asc' }],
  });
  return events.map((event) => `${event.tx}-${event.id}`);
}

describe.each(testEngines())('the live stream on %s', (engine) => {
  const context = useApi(engine);
  const serve = useServers(context);

  test('begins with the current state, and sends each change with its id', async () => {
    const organization = await context.api.organization();
    const silent = await organization.enroll({ name: 'silent' });
    await silent.sync([container('old')]);
    context.api.clock.advance(600_000);
    const host = await organization.enroll({ name: 'live' });
    const client = await (await serve()).listen(organization.adminKey);
    expect(client.answer.headers['content-type']).toBe('text/event-stream');

    await client.until(() => client.messages.length >= 2);
    expect(client.messages.map(({ event }) => event)).toEqual(['summary', 'freshness']);
    expect(client.of('summary')[0]!.data.hosts).toMatchObject({ total: 2, byFreshness: { offline: 1, never: 1 } });
    expect(client.of('freshness')[0]!.data.hosts).toEqual(
      expect.arrayContaining([
        { hostId: silent.id, freshness: 'offline' },
        { hostId: host.id, freshness: 'never' },
      ]),
    );
    expect(client.messages.every(({ id }) => id === undefined)).toBe(true);

    await host.sync([container('a')]);
    await client.until(() => client.of('container').length > 0 && client.of('host').length > 0);
    expect(client.of('container')[0]).toMatchObject({
      data: { kind: 'created', dockerId: 'a', hostId: host.id, hostName: 'live' },
    });
    expect(ids(client)).toEqual((await historyOf(organization)).slice(1));
    expect(client.of('host')[0]!.data).toMatchObject({ id: host.id, freshness: 'online', containerCount: 1 });
    await client.until(() => client.of('summary').length > 1);
    expect(client.of('summary')[1]!.data.hosts.byFreshness).toMatchObject({ online: 1, never: 0 });
  });

  test('reports that a host has become silent, although no report arrives', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    await host.sync([container('a')]);
    const client = await (await serve()).listen(organization.adminKey);
    await client.until(() => client.of('freshness').length > 0);
    context.api.clock.advance(31_000);
    await client.until(() => client.of('host').length > 0);
    context.api.clock.advance(300_000);
    await client.until(() => client.of('host').length > 1);
    expect(client.of('host').map(({ data }) => data.freshness)).toEqual(['stale', 'offline']);
    await client.until(() => client.of('summary').at(-1)?.data.containers.lastKnown.total === 1);
  });

  test('reports hosts that enroll, are renamed, lose their engine and are deleted, once each', async () => {
    const organization = await context.api.organization();
    const client = await (await serve()).listen(organization.adminKey);
    await client.until(() => client.of('freshness').length > 0);
    const host = await organization.enroll({ name: 'one' });
    await client.until(() => client.of('host').length === 1);
    await host.sync([container('a')]);
    await client.until(() => client.of('host').length === 2);
    await host.beat({ digest: null, engineError: 'no socket' }).expect(200);
    await client.until(() => client.of('host').length === 3);
    const { http } = context.api;
    const path = `/api/hosts/${host.id}`;
    await http.patch(path).auth(organization.adminKey, { type: 'bearer' }).send({ name: 'two' }).expect(200);
    await client.until(() => client.of('host').length === 4);
    await http.delete(path).auth(organization.adminKey, { type: 'bearer' }).expect(204);
    await client.until(() => client.of('host-deleted').length === 1);
    expect(client.of('host').map(({ data: { name, freshness } }) => `${name} ${freshness}`)).toEqual([
      'one never',
      'one online',
      'one engine_down',
      'two engine_down',
    ]);
    expect(client.of('host-deleted')[0]!.data).toEqual({ hostId: host.id });
  });

  test('contains only the events of one organization, and only those that were requested', async () => {
    const [organization, stranger] = [await context.api.organization(), await context.api.organization()];
    const [web, db] = [await organization.enroll({ name: 'web' }), await organization.enroll({ name: 'db' })];
    const strangeHost = await stranger.enroll();
    const server = await serve();
    const all = await server.listen(organization.adminKey);
    const ofWeb = await server.listen(organization.adminKey, { query: `?hostId=${web.id}` });
    const created = await server.listen(organization.adminKey, { query: '?kind=removed&kind=renamed' });
    const named = await server.listen(organization.adminKey, { query: '?name=name-of-b' });
    const foreign = await server.listen(stranger.adminKey);
    for (const client of [all, ofWeb, created, named, foreign]) await client.until(() => client.messages.length >= 2);
    expect(ofWeb.of('freshness')[0]!.data.hosts).toEqual([{ hostId: web.id, freshness: 'never' }]);

    await web.sync([container('a'), container('b')]);
    await db.sync([container('b')]);
    await db.sync([]);
    await strangeHost.sync([container('secret')]);
    for (const client of [all, foreign]) {
      await client.until(
        () => client.of('container').length >= (client === all ? 4 : 1) && client.of('host').length > 0,
      );
    }
    await created.until(() => created.of('container').length > 0);
    await named.until(() => named.of('container').length >= 3);
    await ofWeb.until(() => ofWeb.of('container').length >= 2 && ofWeb.of('host').length > 0);

    const eventLines = (client: StreamClient) =>
      client.of('container').map(({ data }) => `${data.hostName} ${data.kind} ${data.dockerId}`);
    const expected = ['web created a', 'web created b', 'db created b', 'db removed b'];
    expect(eventLines(all)).toEqual(expected);
    expect(eventLines(ofWeb)).toEqual(expected.slice(0, 2));
    expect(new Set(ofWeb.of('host').map(({ data }) => data.id))).toEqual(new Set([web.id]));
    expect(eventLines(created)).toEqual(expected.slice(3));
    expect(eventLines(named)).toEqual(expected.slice(1));
    expect(eventLines(foreign)).toEqual(['host created secret']);
    expect(new Set(foreign.of('host').map(({ data }) => data.id))).toEqual(new Set([strangeHost.id]));
  });

  test('resumes after the last received id, through any process, without loss or repetition', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const servers = [await serve(), await serve()];
    const receivedIds: string[] = [];
    let lastEventId: string | undefined;
    for (let round = 0; round < 6; round++) {
      // Changes occur while no client is connected, and while a client is connected.
      await host.sync([container('a', { name: `while-away-${round}` })]);
      const listening = await servers[round % 2]!.listen(organization.adminKey, lastEventId ? { lastEventId } : {});
      await listening.until(() => listening.of('freshness').length > 0);
      await host.sync([container('a', { name: `while-here-${round}` }), container(`new-${round}`)]);
      await listening.until(() => ids(listening).length >= (round === 0 ? 2 : 3));
      expect(listening.of('reset')).toEqual([]);
      receivedIds.push(...ids(listening).map(String));
      lastEventId = receivedIds.at(-1);
      listening.close();
    }
    // Together, the clients receive all events except the first, which occurred before any client connected.
    const history = await historyOf(organization);
    const last = await servers[0]!.listen(organization.adminKey, lastEventId ? { lastEventId } : {});
    await last.until(() => receivedIds.length + ids(last).length >= history.length - 1);
    expect([...receivedIds, ...ids(last)]).toEqual(history.slice(1));
  });

  test.each([
    ['a value that is not an event id', 'yesterday'],
    ['an id that no event has', '1-1'],
    ['an id out of range', '9223372036854775808-1'],
  ])('sends a reset after %s, and continues with new changes', async (_what, lastEventId) => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    await host.sync([container('a')]);
    const client = await (await serve()).listen(organization.adminKey, { lastEventId });
    await client.until(() => client.of('reset').length > 0);
    expect(client.messages.map(({ event }) => event)).toEqual(['summary', 'freshness', 'reset']);
    await host.sync([container('a'), container('b')]);
    await client.until(() => client.of('container').length > 0);
    expect(client.of('container').map(({ data }) => data.dockerId)).toEqual(['b']);
  });

  test('a client that has received no event yet misses none after it reconnects', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const server = await serve();
    const resume = async (lastEventId?: string) => {
      const client = await server.listen(organization.adminKey, lastEventId ? { lastEventId } : {});
      await client.until(() => client.lastEventId !== undefined);
      return client;
    };
    const first = await resume();
    first.close();
    await host.sync([container('a')]);
    const second = await resume(first.lastEventId);
    await second.until(() => second.of('container').length > 0);
    second.close();
    expect(second.of('reset')).toEqual([]);
    await host.sync([container('a'), container('b')]);
    // The third client starts at the present, and the fourth client resumes where the third one stopped.
    const last = (await historyOf(organization)).at(-1);
    let third = await resume();
    // Transactions of other tests on the server may delay the last event for a moment.
    while (third.lastEventId !== last) {
      third.close();
      third = await resume();
    }
    third.close();
    await host.sync([container('b')]);
    const fourth = await resume(third.lastEventId);
    await fourth.until(() => fourth.of('container').length > 0);
    expect(fourth.of('container').map(({ data }) => `${data.kind} ${data.dockerId}`)).toEqual(['removed a']);
    expect(fourth.of('reset')).toEqual([]);
  });

  test('a client whose filters match nothing receives the position of the stream, and resumes there', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const server = await serve({ stream: { ...FAST, positionIntervalMs: 20, missedEventsMax: 0 } });
    const query = '?name=no-such-container';
    const client = await server.listen(organization.adminKey, { query });
    await client.until(() => client.lastEventId !== undefined);
    await host.sync([container('a'), container('b')]);
    const [, last] = await historyOf(organization);
    while (client.lastEventId !== last) await new Promise((resolve) => setTimeout(resolve, 10));
    client.close();
    expect(client.of('container')).toEqual([]);
    const again = await server.listen(organization.adminKey, { query, lastEventId: last! });
    await again.until(() => again.lastEventId !== undefined);
    expect(again.of('reset')).toEqual([]);
  });

  test('a reset has the id after which the stream continues, and nothing is missed after that', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    await host.sync([container('a')]);
    const server = await serve();
    const client = await server.listen(organization.adminKey, { lastEventId: '1-1' });
    await client.until(() => client.of('reset').length > 0);
    client.close();
    const [{ id: lastEventId = '' } = {}] = client.of('reset');
    await host.sync([]);
    const again = await server.listen(organization.adminKey, { lastEventId });
    await again.until(() => again.of('container').some(({ data }) => data.kind === 'removed'));
    expect(again.of('reset')).toEqual([]);
  });

  test('an id without later events is valid for days', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    await host.sync([container('a')]);
    const [lastEventId] = await historyOf(organization);
    context.api.clock.advance(3 * 24 * 3_600_000);
    const server = await serve();
    for (const late of [false, true]) {
      if (late) await host.sync([]);
      const client = await server.listen(organization.adminKey, { lastEventId: lastEventId! });
      await client.until(() => client.lastEventId !== undefined && client.of('container').length === Number(late));
      expect(client.of('reset')).toEqual([]);
    }
  });

  test('more than 200 hosts that change at once are sent as one message, after which no client needs a reset', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const client = await (await serve()).listen(organization.adminKey);
    await client.until(() => client.messages.length >= 2);
    const { prisma } = context.api.db;
    const template = await prisma.host.findUniqueOrThrow({ where: { id: host.id } });
    const copies = Array.from({ length: 201 }, (_, number) => ({
      organizationId: organization.id,
      name: `copy-${number}`,
      engineId: randomUUID(),
      engineName: 'Docker',
      engineVersion: template.engineVersion,
      engineApiVersion: template.engineApiVersion,
      os: template.os,
      arch: template.arch,
      agentVersion: template.agentVersion,
      enrolledAt: template.enrolledAt,
    }));
    await prisma.host.createMany({ data: copies });
    await client.until(() => client.of('hosts-changed').length > 0);
    await host.sync([container('a')]);
    await client.until(() => client.of('container').length > 0);
    expect(client.of('reset')).toEqual([]);
  });

  test('reports that it lags while the history cannot be read, and that it has caught up afterwards', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const server = await serve({ stream: { ...FAST, laggingMs: 300 } });
    const client = await server.listen(organization.adminKey);
    await client.until(() => client.lastEventId !== undefined);
    const { prisma } = context.api.db;
    await prisma.$executeRaw`ALTER TABLE container_events RENAME TO container_events_away`;
    try {
      await client.until(() => client.of('lagging').length > 0);
    } finally {
      await prisma.$executeRaw`ALTER TABLE container_events_away RENAME TO container_events`;
    }
    await client.until(() => client.of('caught-up').length > 0);
    await host.sync([container('a')]);
    await client.until(() => client.of('container').length > 0);
  });

  test('an id that is foreign, too old or followed by too many events causes a reset', async () => {
    const [organization, stranger] = [await context.api.organization(), await context.api.organization()];
    await (await stranger.enroll()).sync([container('a')]);
    const host = await organization.enroll();
    await host.sync([container('a')]);
    await host.sync(['a', 'b', 'c', 'd'].map((id) => container(id)));
    const [foreign] = await historyOf(stranger);
    const [own] = await historyOf(organization);
    const server = await serve();
    const resumed = async (lastEventId: string, at = server) => {
      const client = await at.listen(organization.adminKey, { lastEventId });
      await client.until(() => client.of('container').length === 3 || client.of('reset').length > 0);
      return client.messages.map(({ event }) => event).filter((event) => event === 'container' || event === 'reset');
    };
    expect(await resumed(own!)).toEqual(['container', 'container', 'container']);
    expect(await resumed(foreign!)).toEqual(['reset']);
    const impatient = await serve({ stream: { ...FAST, missedEventsMax: 2 } });
    expect(await resumed(own!, impatient)).toEqual(['reset']);
    context.api.clock.advance(24 * 3_600_000 + 1);
    expect(await resumed(own!)).toEqual(['reset']);
  });

  test('ends with an unauthorized message when the key is revoked, and only for that key', async () => {
    const organization = await context.api.organization();
    const other = await context.api.apiKey(organization.id, 'viewer');
    const server = await serve();
    const [client, steadyClient] = [await server.listen(other), await server.listen(organization.adminKey)];
    await client.until(() => client.messages.length >= 2);
    await context.api.db.prisma.apiKey.updateMany({
      where: { organizationId: organization.id, role: 'viewer' },
      data: { revokedAt: context.api.clock() },
    });
    await client.ended;
    expect(client.messages.at(-1)).toEqual({ event: 'unauthorized', data: {} });
    await organization.enroll();
    await steadyClient.until(() => steadyClient.of('host').length > 0);
    expect(steadyClient.of('unauthorized')).toEqual([]);
  });

  test('ends when the process shuts down, and asks clients to reconnect at different times', async () => {
    const organization = await context.api.organization();
    let draining = false;
    const server = await serve({ isDraining: () => draining });
    const clients = [await server.listen(organization.adminKey), await server.listen(organization.adminKey)];
    for (const one of clients) await one.until(() => one.messages.length >= 2);
    draining = true;
    await Promise.all(clients.map(({ ended }) => ended));
    const late = await server.listen(organization.adminKey);
    await late.ended;
    const retries = [...clients.map((one) => one.retries.at(-1)), late.retries.at(-1)];
    expect(new Set(retries).size).toBe(3);
    for (const retry of retries) expect(retry).toBeGreaterThanOrEqual(1_000);
  });

  test('holds no request slot, and has a limited number of clients', async () => {
    const organization = await context.api.organization();
    const server = await serve({ stream: { ...FAST, listenersMax: 3 } }, { requestsInWorkMax: 8 });
    const clients = [1, 2, 3].map(() => server.listen(organization.adminKey));
    await Promise.all(clients);
    const headers = { Authorization: `Bearer ${organization.adminKey}` };
    expect((await fetch(`${server.url}/api/hosts`, { headers })).status).toBe(200);
    expect((await fetch(`${server.url}/api/stream`, { headers })).status).toBe(503);
    const first = await clients[0]!;
    first.close();
    await first.ended;
    // The slot is free as soon as the server has noticed the disconnection.
    let again = await fetch(`${server.url}/api/stream`, { headers });
    while (again.status === 503) {
      await again.text();
      again = await fetch(`${server.url}/api/stream`, { headers });
    }
    expect(again.status).toBe(200);
    await again.body?.cancel();
  });

  test('refuses an unknown parameter with an error that names it, before the stream begins', async () => {
    const organization = await context.api.organization();
    const { body } = await organization.get('/api/stream?colour=red').expect(400);
    expect(body).toMatchObject({ errors: [{ path: '/colour' }] });
  });
});

test('a client that does not keep up is disconnected, and no more than its backlog is kept', async () => {
  const app = express();
  const sinks: StreamSink[] = [];
  app.get('/api/stream', (_req, res) => void sinks.push(openEventStream(res)));
  const server = await TestServer.start(app);
  const client = await server.listen('none');
  client.answer.pause();
  const [sink] = sinks;
  const piece = Buffer.from(`: ${'x'.repeat(64 * 1024)}\n\n`);
  // The test sends far more than the system's buffers between server and client can hold.
  let sent = 0;
  while (!sink!.isClosed && sent < 256 * 1024 * 1024) {
    sink!.send(piece);
    sent += piece.length;
    if (sent % (16 * piece.length) === 0) await new Promise(setImmediate);
  }
  await sink!.closed;
  expect(sent).toBeLessThan(64 * 1024 * 1024);
  await server.close();
});

test('a stream on which nothing happens sends heartbeats', async () => {
  const app = express();
  app.get('/api/stream', (_req, res) => void openEventStream(res, 20));
  const server = await TestServer.start(app);
  const client = await server.listen('none');
  await client.until(() => client.of('heartbeat').length >= 2);
  client.close();
  await server.close();
});

// The embedded database has one connection, so its transactions commit in the order in which they begin.
serverOnly(describe)('the live stream on a server', () => {
  const context = useApi('postgresql');
  const serve = useServers(context);

  test('waits for the earlier events of a transaction that commits late, and sends all in order', async () => {
    const organization = await context.api.organization();
    const [slow, fast] = [await organization.enroll({ name: 'slow' }), await organization.enroll({ name: 'fast' })];
    const client = await (await serve()).listen(organization.adminKey);
    await client.until(() => client.messages.length >= 2);
    const { prisma } = context.api.db;
    const at = context.api.clock();
    await prisma.$transaction(
      async (tx) => {
        await tx.$executeRaw`
          INSERT INTO container_events (tx, "hostId", "organizationId", "dockerId", name, kind, "observedAt", "recordedAt")
          VALUES (pg_current_xact_id()::text::bigint, ${slow.id}::uuid, ${organization.id}, 'late', 'late', 'created', ${at}, ${at})`;
        await fast.sync([container('a')]);
        // The host's row is sent at once, because only events wait for open transactions with lower ids.
        await client.until(() => client.of('host').some(({ data }) => data.containerCount === 1));
        expect(client.of('container')).toEqual([]);
      },
      { timeout: 30_000 },
    );
    await client.until(() => client.of('container').length === 2);
    expect(client.of('container').map(({ data }) => data.dockerId)).toEqual(['late', 'a']);
  });

  test('reports that it lags while a transaction in another database of the server holds events back', async () => {
    const { api } = context;
    const organization = await api.organization();
    const host = await organization.enroll();
    const server = await serve();
    const client = await server.listen(organization.adminKey);
    await client.until(() => client.lastEventId !== undefined);
    const lagSeconds = async () => {
      const { text } = await api.http.get(Paths.metrics).expect(200);
      return Number(/^muster_feed_lag_seconds (\S+)$/m.exec(text)?.[1]);
    };
    const neighbour = await createTestDatabase('postgresql');
    try {
      await neighbour.prisma.$transaction(
        async (tx) => {
          await tx.$queryRaw`SELECT pg_current_xact_id()::text`;
          await host.sync([container('a')]);
          const { body } = await organization.get(Paths.events).expect(200);
          const [event] = (body as { items: ContainerEvent[] }).items;
          expect(event).toMatchObject({ dockerId: 'a', kind: 'created' });

          api.clock.advance(7_000);
          await client.until(() => client.of('lagging').length > 0);
          expect(client.of('lagging')[0]!.data).toEqual({ since: event!.recordedAt });
          expect(client.of('container')).toEqual([]);
          expect(await lagSeconds()).toBeGreaterThanOrEqual(7);
          const newcomer = await server.listen(organization.adminKey);
          await newcomer.until(() => newcomer.lastEventId !== undefined);
          // The changed row of the host and another summary can follow immediately.
          const firstMessages = newcomer.messages.slice(0, 3).map((message) => message.event);
          expect(firstMessages).toEqual(['summary', 'freshness', 'lagging']);
          // Another process also reports the lag to its first client.
          const otherClient = await (await serve()).listen(organization.adminKey);
          await otherClient.until(() => otherClient.lastEventId !== undefined);
          expect(otherClient.of('lagging')).toHaveLength(1);
        },
        { timeout: 60_000 },
      );
      await client.until(() => client.of('caught-up').length > 0);
      const order = client.messages.map((message) => message.event);
      expect(order.indexOf('container')).toBeGreaterThan(0);
      expect(order.indexOf('container')).toBeLessThan(order.indexOf('caught-up'));
      while ((await lagSeconds()) > 1) await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      await neighbour.close();
    }
  });

  test('sends a busy history once and in order to clients that stay and that reconnect', async () => {
    const organization = await context.api.organization();
    const hosts: TestHost[] = [];
    while (hosts.length < 8) hosts.push(await organization.enroll());
    const servers = [await serve(), await serve()];
    const steadyClient = await servers[0]!.listen(organization.adminKey);
    await steadyClient.until(() => steadyClient.messages.length >= 2);

    let busy = true;
    const { prisma } = context.api.db;
    const delayCommits = async () => {
      // Runs transactions that get their id early and commit late.
      while (busy) {
        await prisma.$transaction(async (tx) => {
          await tx.$queryRaw`SELECT pg_current_xact_id()::text, pg_sleep(0.03)::text`;
          const [host] = hosts;
          const at = context.api.clock();
          await tx.$executeRaw`
            INSERT INTO container_events (tx, "hostId", "organizationId", "dockerId", name, kind, "observedAt", "recordedAt")
            VALUES (pg_current_xact_id()::text::bigint, ${host!.id}::uuid, ${organization.id}, 'x', 'x', 'updated', ${at}, ${at})`;
        });
      }
    };
    const reconnectingIds: string[] = [];
    const reconnectRepeatedly = async (since: string | undefined) => {
      let lastEventId = since;
      for (let round = 0; busy; round++) {
        const client = await servers[round % 2]!.listen(organization.adminKey, lastEventId ? { lastEventId } : {});
        const count = 1 + (round % 5);
        await Promise.race([client.until(() => ids(client).length >= count), stopped]);
        client.close();
        // Further events may have been received, too.
        reconnectingIds.push(...ids(client).map(String));
        expect(client.of('reset')).toEqual([]);
        lastEventId = reconnectingIds.at(-1) ?? lastEventId;
      }
    };
    let stop: () => void = () => undefined;
    const stopped = new Promise<void>((resolve) => (stop = resolve));
    await hosts[0]!.sync([container('first')]);
    const [firstOfAll] = await historyOf(organization);
    const others = [delayCommits(), delayCommits(), reconnectRepeatedly(firstOfAll)];
    await Promise.all(
      hosts.map(async (host, index) => {
        for (let round = 0; round < 15; round++) {
          await host.sync([container('a', { name: `n${round}` }), container(`c${(round + index) % 3}`)]);
        }
      }),
    );
    busy = false;
    stop();
    await Promise.all(others);
    const history = await historyOf(organization);
    await steadyClient.until(() => ids(steadyClient).length >= history.length);
    expect(ids(steadyClient)).toEqual(history);
    const from = history.indexOf(firstOfAll!) + 1;
    expect(reconnectingIds.length).toBeGreaterThan(5);
    expect(reconnectingIds).toEqual(history.slice(from, from + reconnectingIds.length));
  }, 60_000);

  test('continues without a gap after its connections to the database were lost', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const client = await (await serve()).listen(organization.adminKey);
    await client.until(() => client.messages.length >= 2);
    await context.api.db.prisma
      .$queryRaw`SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = current_database()`.catch(
      () => undefined,
    );
    await host.post([container('a')]);
    while ((await historyOf(organization)).length === 0) await host.post([container('a')]);
    await client.until(() => client.of('container').length > 0);
    expect(ids(client)).toEqual(await historyOf(organization));
  });
});
