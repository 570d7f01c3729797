import { describe, expect, test } from '@jest/globals';
import { testEngines } from '@muster/db/testing';
import express from 'express';
import { randomUUID } from 'node:crypto';
import { openEventStream } from '../src/http/event-stream.js';
import { StreamChunk } from '../src/services/live/chunk.js';
import type { StreamSink } from '../src/services/live/listener.js';
import { container } from './fixtures.js';
import { useApi } from './harness.js';
import { TestServer, type StreamClient } from './test-server.js';
import { SHORT_INTERVALS, useServers, eventIds, historyOf } from './streams.js';

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
    expect(eventIds(client)).toEqual((await historyOf(organization)).slice(1));
    expect(client.of('host')[0]!.data).toMatchObject({ id: host.id, freshness: 'online', containerCount: 1 });
    await client.until(() => client.of('summary').length > 1);
    expect(client.of('summary')[1]!.data.hosts.byFreshness).toMatchObject({ online: 1, never: 0 });
  });

  test('reports when a silent host becomes stale and then offline', async () => {
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

  test('reports each enrollment, rename, engine failure and deletion of a host once', async () => {
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

  test('contains only requested events of one organization', async () => {
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

  test('reports more than 200 hosts that change together in one message, after which no client needs a reset', async () => {
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

  test('is compressed for clients that accept gzip, and each message still arrives immediately, regardless of when a client connected', async () => {
    const organization = await context.api.organization();
    const [web, db] = [await organization.enroll({ name: 'web' }), await organization.enroll({ name: 'db' })];
    const server = await serve();
    const plain = await server.listen(organization.adminKey, { acceptEncoding: 'gzip;q=0, br' });
    const early = await server.listen(organization.adminKey, { acceptEncoding: 'gzip, deflate, br' });
    await web.sync([container('a')]);
    await early.until(() => early.of('container').length === 1);
    const late = await server.listen(organization.adminKey, { acceptEncoding: 'gzip', lastEventId: '0-0' });
    const ofDb = await server.listen(organization.adminKey, { acceptEncoding: 'gzip', query: `?hostId=${db.id}` });
    for (const client of [late, ofDb]) await client.until(() => client.of('freshness').length > 0);
    await db.sync([container('b'), container('c')]);
    await Promise.all([plain, early, late].map((client) => client.until(() => client.of('container').length === 3)));
    await ofDb.until(() => ofDb.of('container').length === 2);
    for (const client of [early, late]) expect(client.of('container')).toEqual(plain.of('container'));
    expect(ofDb.of('container')).toEqual(plain.of('container').slice(1));
    expect(plain.answer.headers).not.toHaveProperty('content-encoding');
    for (const { answer } of [plain, early, late, ofDb]) {
      expect(answer.headers).toMatchObject({
        vary: 'Accept-Encoding',
        'cache-control': 'no-store, no-transform',
        'x-accel-buffering': 'no',
      });
    }
    expect(early.answer.headers['content-encoding']).toBe('gzip');

    await context.api.db.prisma.apiKey.updateMany({
      where: { organizationId: organization.id },
      data: { revokedAt: context.api.clock() },
    });
    await Promise.all([early, late, ofDb].map(({ ended }) => ended));
    for (const client of [early, late, ofDb]) {
      expect(client.messages.at(-1)!.event).toBe('unauthorized');
      expect(client.isComplete).toBe(true);
    }
  });

  test('ends with an unauthorized message when the key is revoked, without affecting other keys', async () => {
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
    // The times are random, so two of them can be equal by chance.
    expect(new Set(retries).size).toBeGreaterThan(1);
    for (const retry of retries) expect(retry).toBeGreaterThanOrEqual(1_000);
  });

  test('holds no request slot, and has a limited number of clients', async () => {
    const organization = await context.api.organization();
    const server = await serve({ stream: { ...SHORT_INTERVALS, listenersMax: 3 } }, { requestsInWorkMax: 8 });
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

  test('refuses an unknown parameter before the stream begins, with an error that contains its name', async () => {
    const organization = await context.api.organization();
    const { body } = await organization.get('/api/stream?colour=red').expect(400);
    expect(body).toMatchObject({ errors: [{ path: '/colour' }] });
  });
});

test('a client that does not keep up is disconnected after a limited backlog', async () => {
  const app = express();
  const sinks: StreamSink[] = [];
  app.get('/api/stream', (_req, res) => void sinks.push(openEventStream(res)));
  const server = await TestServer.start(app);
  const client = await server.listen('none');
  client.answer.pause();
  const [sink] = sinks;
  const piece = new StreamChunk(Buffer.from(`: ${'x'.repeat(64 * 1024)}\n\n`));
  // The test sends far more than the system's buffers between server and client can hold.
  let sent = 0;
  while (!sink!.isClosed && sent < 256 * 1024 * 1024) {
    sink!.send(piece);
    sent += piece.bytes.length;
    if (sent % (16 * piece.bytes.length) === 0) await new Promise(setImmediate);
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
