import { describe, expect, test } from '@jest/globals';
import { testEngines } from '@muster/db/testing';
import { randomUUID } from 'node:crypto';
import { container, order } from './fixtures.js';
import { useApi } from './harness.js';

/** Returns the headers of an incomplete, backdated snapshot, which an agent replays when it can reach Muster again. */
const partialHeaders = (stream: string, sequence: number, observedAt: Date, gone: string[] = []) => ({
  ...order(stream, sequence, observedAt),
  'Snapshot-Complete': 'false',
  ...(gone.length === 0 ? {} : { 'Snapshot-Gone': gone.join(',') }),
});

const exitedContainer = (dockerId: string) =>
  container(dockerId, { state: 'exited', status: 'Exited (1) 1 second ago' });

describe.each(testEngines())('the replay of an agent’s journal on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  test('records each change once, in order and with the time of the change, and ends with the exact state', async () => {
    const { api } = context;
    const host = await (await api.organization()).enroll();
    const stream = randomUUID();
    const start = api.clock();
    await host.sync([container('a'), container('b')], order(stream, 1, start));
    api.clock.advance(3_600_000);
    const minute = (n: number) => new Date(start.getTime() + n * 60_000);
    const restarted = container('a', { status: 'Up 1 second (healthy)', startedAt: minute(11).toISOString() });

    const replayedSnapshots = [
      { body: [exitedContainer('a')], headers: partialHeaders(stream, 2, minute(10)) },
      { body: [restarted], headers: partialHeaders(stream, 3, minute(11)) },
      { body: [container('c')], headers: partialHeaders(stream, 4, minute(20), ['b']) },
    ];
    for (const { body, headers } of replayedSnapshots) {
      expect(await host.sync(body, headers)).toMatchObject({ applied: true });
      // The response was lost, so the agent sends the snapshot again.
      expect(await host.sync(body, headers)).toMatchObject({ applied: false, reason: 'sequence_not_rising' });
    }
    const last = await host.sync([restarted, container('c')], order(stream, 5, api.clock()));
    expect(last).toMatchObject({ applied: true, created: 0, updated: 0, removed: 0 });

    const events = await api.db.prisma.containerEvent.findMany({
      where: { hostId: host.id },
      orderBy: [{ tx: 'asc' }, { id: 'asc' }],
    });
    expect(
      events.slice(2).map(({ kind, dockerId, exitCode, observedAt }) => [kind, dockerId, exitCode, observedAt]),
    ).toEqual([
      ['exited', 'a', 1, minute(10)],
      ['started', 'a', null, minute(11)],
      ['health_changed', 'a', null, minute(11)],
      ['created', 'c', null, minute(20)],
      ['removed', 'b', null, minute(20)],
    ]);
    expect(Object.keys(await host.present())).toEqual(['a', 'c']);
    expect((await host.host()).containerCount).toBe(2);
  });

  test('does not update confirmedAt, which only a current snapshot updates', async () => {
    const { api } = context;
    const host = await (await api.organization()).enroll();
    const stream = randomUUID();
    const start = api.clock();
    await host.sync([container('a')], order(stream, 1, start));
    const { confirmedAt } = await host.host();
    api.clock.advance(3_600_000);
    await host.sync([], partialHeaders(stream, 2, new Date(start.getTime() + 60_000), ['a']));
    expect((await host.host()).confirmedAt).toEqual(confirmedAt);
    expect(await host.present()).toEqual({});
  });

  test('can be done by the agent’s next run, with the stream id of the previous run', async () => {
    const { api } = context;
    const host = await (await api.organization()).enroll();
    const [before, after] = [randomUUID(), randomUUID()];
    const start = api.clock();
    await host.sync([container('a')], order(before, 1, start));
    api.clock.advance(600_000);
    await host.sync([exitedContainer('a')], partialHeaders(before, 2, new Date(start.getTime() + 60_000)));
    expect(await host.sync([container('a')], order(after, 1, api.clock()))).toMatchObject({
      applied: true,
      updated: 1,
    });
  });
});

describe.each(testEngines())('Snapshot-Gone on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  test('removes only the listed containers, and ignores unknown ids and ids of containers in the body', async () => {
    const host = await (await context.api.organization()).enroll();
    await host.sync([container('a'), container('b')]);
    const headers = { 'Snapshot-Complete': 'false', 'Snapshot-Gone': 'a, b, nobody' };
    expect(await host.sync([container('b')], headers)).toMatchObject({ removed: 1, unchanged: 1 });
    expect(Object.keys(await host.present())).toEqual(['b']);
  });

  test.each([
    ['the snapshot is complete', { 'Snapshot-Gone': 'a' }],
    ['the header is not a list of ids', { 'Snapshot-Complete': 'false', 'Snapshot-Gone': 'a b' }],
    ['the header has too many ids', { 'Snapshot-Complete': 'false', 'Snapshot-Gone': Array(101).fill('a').join(',') }],
  ])('makes the API refuse the snapshot if %s', async (_why, headers) => {
    const host = await (await context.api.organization()).enroll();
    await host.sync([container('a')]);
    const answer = await host.post([], headers as Record<string, string>).expect(400);
    expect((answer.body as { errors: { path: string }[] }).errors[0]!.path).toMatch(/^\/snapshot-gone/);
    expect(Object.keys(await host.present())).toEqual(['a']);
  });
});
