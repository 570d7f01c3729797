import { describe, expect, test } from '@jest/globals';
import { testEngines } from '@muster/db/testing';
import { container } from './fixtures.js';
import { useApi } from './harness.js';
import { SHORT_INTERVALS, useServers, eventIds, historyOf } from './streams.js';

describe.each(testEngines())('a client that reconnects to the live stream on %s', (engine) => {
  const context = useApi(engine);
  const serve = useServers(context);

  test('resumes after the last received id, through any process, without loss or repetition', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const servers = [await serve(), await serve()];
    const receivedIds: string[] = [];
    let lastEventId: string | undefined;
    for (let round = 0; round < 6; round++) {
      // Some changes occur while no client is connected, and some while a client is connected.
      await host.sync([container('a', { name: `while-away-${round}` })]);
      const listening = await servers[round % 2]!.listen(organization.adminKey, lastEventId ? { lastEventId } : {});
      await listening.until(() => listening.of('freshness').length > 0);
      await host.sync([container('a', { name: `while-here-${round}` }), container(`new-${round}`)]);
      await listening.until(() => eventIds(listening).length >= (round === 0 ? 2 : 3));
      expect(listening.of('reset')).toEqual([]);
      receivedIds.push(...eventIds(listening).map(String));
      lastEventId = receivedIds.at(-1);
      listening.close();
    }
    // Together, the clients receive all events except the first, which occurred before any client connected.
    const history = await historyOf(organization);
    const last = await servers[0]!.listen(organization.adminKey, lastEventId ? { lastEventId } : {});
    await last.until(() => receivedIds.length + eventIds(last).length >= history.length - 1);
    expect([...receivedIds, ...eventIds(last)]).toEqual(history.slice(1));
  });

  test.each([
    ['a value that is not an event id', 'yesterday'],
    ['an id that no event has', '1-1'],
    ['an id out of range', '9223372036854775808-1'],
  ])('gets a reset if it sends %s, and then gets new changes', async (_what, lastEventId) => {
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

  test('misses no event, even if it had received no event before it reconnected', async () => {
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
    // The third client starts at the present, and the fourth client resumes where the third client stopped.
    const last = (await historyOf(organization)).at(-1);
    let third = await resume();
    // Transactions of other tests on the server can delay the last event for a moment.
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

  test('receives the position of the stream even if its filters match nothing, and resumes there', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const server = await serve({ stream: { ...SHORT_INTERVALS, positionIntervalMs: 20, missedEventsMax: 0 } });
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

  test('can resume after the id of a reset, and then misses nothing', async () => {
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

  test('can resume days later after an id that no event follows', async () => {
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

  test('gets a reset if its id belongs to another organization, is too old or is followed by too many events', async () => {
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
    const impatient = await serve({ stream: { ...SHORT_INTERVALS, missedEventsMax: 2 } });
    expect(await resumed(own!, impatient)).toEqual(['reset']);
    context.api.clock.advance(24 * 3_600_000 + 1);
    expect(await resumed(own!)).toEqual(['reset']);
  });
});
