import { describe, expect, test } from '@jest/globals';
import { Paths, type ContainerEvent } from '@muster/contracts';
import { createTestDatabase, serverOnly, testEngines } from '@muster/db/testing';
import { eventually } from '@muster/testkit';
import { container } from './fixtures.js';
import { useApi, type TestHost } from './harness.js';
import { SHORT_INTERVALS, useServers, eventIds, historyOf } from './streams.js';

describe.each(testEngines())('the live stream on %s', (engine) => {
  const context = useApi(engine);
  const serve = useServers(context);

  test('reports that it lags while the history cannot be read, and that it has caught up afterwards', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const server = await serve({ stream: { ...SHORT_INTERVALS, laggingMs: 300 } });
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
});

// The embedded database has one connection, so its transactions commit in the order in which they begin.
serverOnly(describe)('the live stream on a server', () => {
  const context = useApi('postgresql');
  const serve = useServers(context);

  test('waits for the earlier events of a transaction that commits late, and sends all events in order', async () => {
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
        // The host's row is sent immediately, because only events wait for open transactions with lower ids.
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

          api.clock.advance(22_000);
          await client.until(() => client.of('lagging').length > 0);
          expect(client.of('lagging')[0]!.data).toEqual({ since: event!.recordedAt });
          expect(client.of('container')).toEqual([]);
          expect(await lagSeconds()).toBeGreaterThanOrEqual(22);
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

  test('sends each event once and in order, to clients that stay connected and to clients that reconnect', async () => {
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
        await Promise.race([client.until(() => eventIds(client).length >= count), stopped]);
        client.close();
        // The client might have received further events before it was closed.
        reconnectingIds.push(...eventIds(client).map(String));
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
    await steadyClient.until(() => eventIds(steadyClient).length >= history.length);
    expect(eventIds(steadyClient)).toEqual(history);
    const from = history.indexOf(firstOfAll!) + 1;
    expect(reconnectingIds.length).toBeGreaterThan(5);
    expect(reconnectingIds).toEqual(history.slice(from, from + reconnectingIds.length));
  }, 180_000);

  test('continues without a gap after its connections to the database were lost', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const client = await (await serve()).listen(organization.adminKey);
    await client.until(() => client.messages.length >= 2);
    await context.api.db.prisma
      .$queryRaw`SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity WHERE datname = current_database()`.catch(
      () => undefined,
    );
    // Until the server has closed all connections, a statement can use one of them and fail.
    const history = await eventually(async () => {
      await host.post([container('a')]);
      const ids = await historyOf(organization);
      expect(ids).not.toEqual([]);
      return ids;
    });
    await client.until(() => client.of('container').length > 0);
    expect(eventIds(client)).toEqual(history);
  });
});
