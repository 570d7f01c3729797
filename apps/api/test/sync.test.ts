import { describe, expect, test } from '@jest/globals';
import { SNAPSHOT_CONTAINERS_MAX } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { container, order } from './fixtures.js';
import { useApi } from './harness.js';

const appliedSummary = (changes: object) => ({
  applied: true,
  created: 0,
  updated: 0,
  unchanged: 0,
  removed: 0,
  ...changes,
});

describe.each(testEngines())('a snapshot on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  const enroll = async () => (await context.api.organization()).enroll();

  describe('is stored exactly:', () => {
    test('every field is stored as it was sent', async () => {
      const host = await enroll();
      const sent = [container('a'), container('b', { state: 'exited', status: 'Exited (137) 2 hours ago', ports: [] })];
      const summary = await host.sync(sent);
      expect(summary).toMatchObject(appliedSummary({ hostId: host.id, received: 2, created: 2, revision: 1 }));
      expect(summary.cadence).toEqual({ heartbeatSeconds: 10, snapshotSeconds: 60 });
      expect(await host.present()).toEqual({ a: sent[0], b: sent[1] });
      expect(await host.row('b')).toMatchObject({ health: null, exitCode: 137 });
      expect(await host.row('a')).toMatchObject({ health: 'healthy', exitCode: null });
    });

    test('a Windows exit code, which is an unsigned number of 32 bits, is stored and shown', async () => {
      const host = await enroll();
      await host.sync([container('a')]);
      await host.sync([container('a', { state: 'exited', status: 'Exited (3221225477) 2 seconds ago' })]);
      const { organization } = host;
      const shown = await organization.get(`/api/hosts/${host.id}/containers/a`).expect(200);
      expect(shown.body).toMatchObject({ exitCode: 3_221_225_477 });
      const { body } = await organization.get(`/api/events?hostId=${host.id}&kind=exited`).expect(200);
      expect((body as { items: object[] }).items).toMatchObject([{ exitCode: 3_221_225_477 }]);
    });

    test('omitted fields get their defaults', async () => {
      const host = await enroll();
      await host.sync([{ dockerId: 'a', name: 'n', image: 'i', state: 'created' }]);
      const defaults = { imageId: null, command: '', status: '', ports: [], labels: {}, startedAt: null };
      expect(await host.present()).toEqual({
        a: { dockerId: 'a', name: 'n', image: 'i', state: 'created', ...defaults },
      });
    });

    test('an unknown state is stored, and an unknown key is ignored', async () => {
      const host = await enroll();
      await host.sync([{ ...container('a', { state: 'hibernating' }), futureField: { deep: [1] } } as never]);
      expect(await host.row('a')).toMatchObject({ state: 'hibernating' });
    });

    test('Unicode and the label keys __proto__ and "" are stored, and lone surrogates are replaced', async () => {
      const host = await enroll();
      const labels = JSON.parse(
        '{"__proto__":"p","constructor":"c","":"empty","ключ":"🐳","lone":"a\\ud800b"}',
      ) as never;
      await host.sync([container('a', { name: 'zażółć 🐳', labels })]);
      const row = await host.row('a');
      expect(row?.name).toBe('zażółć 🐳');
      expect(Object.entries(row?.labels as object).sort()).toEqual(
        [
          ['', 'empty'],
          ['__proto__', 'p'],
          ['constructor', 'c'],
          ['lone', 'a\ufffdb'],
          ['ключ', '🐳'],
        ].sort(),
      );
      expect(
        await host.sync([container('a', { name: 'zażółć 🐳', labels, status: 'Up 5 minutes (healthy)' })]),
      ).toMatchObject(appliedSummary({ unchanged: 1 }));
    });

    test(`one snapshot can add, change or remove ${SNAPSHOT_CONTAINERS_MAX} containers`, async () => {
      const host = await enroll();
      const many = Array.from({ length: SNAPSHOT_CONTAINERS_MAX }, (_, i) => container(`c${i}`));
      expect(await host.sync(many)).toMatchObject(appliedSummary({ received: 5000, created: 5000 }));
      expect(await host.sync(many.map((c) => ({ ...c, state: 'paused' })))).toMatchObject(
        appliedSummary({ updated: 5000 }),
      );
      expect(await host.sync([])).toMatchObject(appliedSummary({ removed: 5000 }));
      expect(await host.host()).toMatchObject({ containerCount: 0 });
    });

    test('a gzip body has the same effect as a plain body', async () => {
      const host = await enroll();
      const request = host.organization.api.http
        .post('/api/agent/containers')
        .auth(host.token, { type: 'bearer' })
        .set('Content-Type', 'application/json')
        .set('Content-Encoding', 'gzip');
      const answer = await request.serialize((body) => body as string).send(gzipSync(JSON.stringify([container('a')])));
      expect(answer.status).toBe(200);
      expect(await host.present()).toEqual({ a: container('a') });
    });
  });

  describe('marks absent containers:', () => {
    test('a container absent from a complete snapshot is marked exited and removed, and is kept', async () => {
      const host = await enroll();
      await host.sync([container('a'), container('b')]);
      context.api.clock.advance(1000);
      expect(await host.sync([container('a')])).toMatchObject(
        appliedSummary({ removed: 1, unchanged: 1, revision: 2 }),
      );
      expect(await host.row('b')).toMatchObject({
        state: 'exited',
        status: '',
        health: null,
        removedAt: context.api.clock(),
        name: 'name-of-b',
      });
    });

    test('an empty snapshot removes every container', async () => {
      const host = await enroll();
      await host.sync([container('a'), container('b')]);
      expect(await host.sync([])).toMatchObject(appliedSummary({ received: 0, removed: 2 }));
      expect(await host.present()).toEqual({});
    });

    test('a removed container that reappears is restored in the same row', async () => {
      const host = await enroll();
      await host.sync([container('a')]);
      const before = await host.row('a');
      context.api.clock.advance(1000);
      await host.sync([]);
      context.api.clock.advance(1000);
      expect(await host.sync([container('a')])).toMatchObject(appliedSummary({ created: 0, updated: 1 }));
      expect(await host.row('a')).toMatchObject({
        removedAt: null,
        state: 'running',
        firstSeenAt: before?.firstSeenAt,
      });
    });

    test('an incomplete snapshot does not change containers that it does not contain, and clears the digest', async () => {
      const host = await enroll();
      const full = await host.sync([container('a'), container('b')]);
      expect(full.digest).not.toBeNull();
      const partial = await host.sync([container('b', { state: 'paused' }), container('c')], {
        'Snapshot-Complete': 'false',
      });
      expect(partial).toMatchObject(appliedSummary({ received: 2, created: 1, updated: 1, removed: 0, digest: null }));
      expect(Object.keys(await host.present())).toEqual(['a', 'b', 'c']);
      expect(await host.host()).toMatchObject({ containerCount: 3 });
      // Because the digest was cleared, the server compares the content of the repeated complete snapshot again.
      expect(await host.sync([container('a'), container('b')])).toMatchObject(
        appliedSummary({ updated: 1, unchanged: 1, removed: 1 }),
      );
    });

    test('incomplete snapshots are enough to correct counts that another version of Muster stored', async () => {
      const host = await enroll();
      const incomplete = { 'Snapshot-Complete': 'false' };
      const exited = { state: 'exited', status: 'Exited (1) now', startedAt: null };
      await host.sync([container('a'), container('b', exited)], incomplete);
      await context.api.db.prisma.host.update({
        where: { id: host.id },
        data: { stateCounts: { running: 7, paused: 1 }, failedCount: 0, truncatedCount: 3 },
      });
      await host.sync([container('c')], incomplete);
      expect(await host.host()).toMatchObject({
        stateCounts: { running: 2, exited: 1, 'health:healthy': 2 },
        failedCount: 1,
        truncatedCount: 0,
        truncatedSince: null,
      });
    });

    test('an incomplete snapshot with the bytes of the last complete snapshot changes only the digest', async () => {
      const host = await enroll();
      await host.sync([container('a')]);
      const again = await host.sync([container('a')], { 'Snapshot-Complete': 'false' });
      expect(again).toMatchObject(appliedSummary({ unchanged: 1, revision: 1, digest: null }));
    });
  });

  describe('counts what was written, and does not write unchanged rows:', () => {
    test('an unchanged row is not written', async () => {
      const host = await enroll();
      await host.sync([container('a'), container('b')]);
      const versions = () => context.api.db.prisma.$queryRaw`
        SELECT "dockerId", xmin::text, ctid::text FROM containers
        WHERE "hostId" = ${host.id}::uuid AND "dockerId" = 'a'`;
      const before = await versions();
      expect(await host.sync([container('a'), container('b', { image: 'nginx:1.30' })])).toMatchObject(
        appliedSummary({ updated: 1, unchanged: 1, revision: 2 }),
      );
      expect(await versions()).toEqual(before);
    });

    test('a repeated snapshot with the same bytes writes only the row of the host, and keeps revision and digest', async () => {
      const host = await enroll();
      const first = await host.sync([container('a')]);
      context.api.clock.advance(5000);
      const { digest, revision } = first;
      expect(await host.sync([container('a')])).toMatchObject(
        appliedSummary({ received: 1, unchanged: 1, digest, revision }),
      );
      expect(await host.host()).toMatchObject({ confirmedAt: context.api.clock(), lastSeenAt: context.api.clock() });
      expect(await host.history()).toHaveLength(1);
    });

    test('the same state in other bytes writes no row and no event, and replaces the digest', async () => {
      const host = await enroll();
      const { digest } = await host.sync([container('a'), container('b')]);
      const again = await host.sync([container('b'), container('a')]);
      expect(again).toMatchObject(appliedSummary({ unchanged: 2, revision: 1 }));
      expect(again.digest).not.toBe(digest);
      expect(await host.history()).toHaveLength(2);
    });

    test('a status text in which only the age changed is stored, without an event and with the same changedAt', async () => {
      const host = await enroll();
      await host.sync([container('a', { status: 'Up 5 minutes' })]);
      const before = await host.row('a');
      context.api.clock.advance(60_000);
      expect(await host.sync([container('a', { status: 'Up 6 minutes' })])).toMatchObject(
        appliedSummary({ updated: 1 }),
      );
      expect(await host.row('a')).toMatchObject({ status: 'Up 6 minutes', changedAt: before?.changedAt });
      expect(await host.history()).toEqual([['created', 'a', null, 'running']]);
    });
  });

  describe('keeps the order:', () => {
    const stale = (reason: string) => ({ applied: false, reason, created: 0, updated: 0, unchanged: 0, removed: 0 });

    test('within a stream the sequence must rise, and a repeated request is harmless', async () => {
      const host = await enroll();
      const stream = randomUUID();
      await host.sync([container('a')], order(stream, 5));
      const second = await host.sync([container('b')], order(stream, 6));
      for (const sequence of [6, 5, 0]) {
        const answer = await host.sync([container('z')], order(stream, sequence));
        expect(answer).toMatchObject({ ...stale('sequence_not_rising'), received: 1 });
        expect(answer).toMatchObject({ revision: second.revision, digest: second.digest });
      }
      expect(Object.keys(await host.present())).toEqual(['b']);
      expect(await host.history()).toHaveLength(3);
    });

    test('a snapshot with a lower sequence is stale, even if the snapshot with the highest sequence changed nothing', async () => {
      const host = await enroll();
      const stream = randomUUID();
      await host.sync([container('a')], order(stream, 1));
      expect(await host.sync([container('a')], order(stream, 3))).toMatchObject(appliedSummary({ unchanged: 1 }));
      expect(await host.sync([container('b')], order(stream, 2))).toMatchObject(stale('sequence_not_rising'));
      expect(await host.sync([container('a')], order(stream, 3))).toMatchObject(stale('sequence_not_rising'));
      expect(Object.keys(await host.present())).toEqual(['a']);
    });

    test('a new stream takes over regardless of its clock, and the previous stream is stale from then on', async () => {
      const host = await enroll();
      const { clock } = context.api;
      const [first, second] = [randomUUID(), randomUUID()];
      await host.sync([container('a')], order(first, 9, clock()));
      clock.advance(61_000);
      const yearsAgo = new Date('2001-01-01T00:00:00Z');
      expect(await host.sync([container('b')], order(second, 0, yearsAgo))).toMatchObject({ applied: true });
      expect(await host.sync([container('a')], order(first, 10, clock()))).toMatchObject(stale('stream_superseded'));
      expect(await host.host()).toMatchObject({ stream: second, cloneSuspectedAt: null });
    });

    test('a late snapshot of an earlier run does not replace an active stream', async () => {
      const host = await enroll();
      const { clock } = context.api;
      const late = clock();
      clock.advance(10_000);
      const current = randomUUID();
      await host.sync([container('b')], order(current, 1, clock()));
      clock.advance(10_000);
      expect(await host.sync([container('a')], order(randomUUID(), 7, late))).toMatchObject(stale('observed_earlier'));
      expect(await host.host()).toMatchObject({ stream: current });
      // Once the current stream has been silent for a minute, the server assumes that the agent restarted and that its
      // clock is slow.
      clock.advance(60_000);
      expect(await host.sync([container('a')], order(randomUUID(), 7, late))).toMatchObject({ applied: true });
    });

    test('an observation time in the future is limited to the time of receipt', async () => {
      const host = await enroll();
      const { clock } = context.api;
      const ahead = new Date(clock().getTime() + 86_400_000);
      await host.sync([container('a')], order(randomUUID(), 1, ahead));
      expect(await host.host()).toMatchObject({ observedAt: clock() });
      clock.advance(1000);
      expect(await host.sync([container('b')], order(randomUUID(), 1, clock()))).toMatchObject({ applied: true });
    });

    test('a server clock that was set back does not delay a restarted agent', async () => {
      const host = await enroll();
      const { clock } = context.api;
      await host.sync([container('a')], order(randomUUID(), 1, clock()));
      clock.advance(-3_600_000);
      expect(await host.sync([container('b')], order(randomUUID(), 1, clock()))).toMatchObject({ applied: true });
      clock.advance(3_600_000);
    });

    test('a superseded stream that still reports after a minute is suspected to be a clone', async () => {
      const host = await enroll();
      const { clock } = context.api;
      const [first, second] = [randomUUID(), randomUUID()];
      await host.sync([container('a')], order(first, 1, clock()));
      clock.advance(1000);
      await host.sync([container('a')], order(second, 1, clock()));
      clock.advance(60_000);
      await host.sync([container('c')], order(first, 2, clock()));
      expect(await host.host()).toMatchObject({ cloneSuspectedAt: null });
      clock.advance(1);
      await host.sync([container('c')], order(first, 3, clock()));
      expect(await host.host()).toMatchObject({ cloneSuspectedAt: clock(), stream: second });
      expect(Object.keys(await host.present())).toEqual(['a']);
    });

    test('the last 8 superseded streams are remembered', async () => {
      const host = await enroll();
      const streams = Array.from({ length: 10 }, () => randomUUID());
      for (const [index, stream] of streams.entries()) {
        context.api.clock.advance(1000);
        await host.sync([container(`c${index}`)], order(stream, 1, context.api.clock()));
      }
      const { supersededStreams } = await host.host();
      expect((supersededStreams as { stream: string }[]).map(({ stream }) => stream)).toEqual(streams.slice(1, 9));
      for (const stream of streams.slice(1, 9)) {
        expect(await host.sync([], order(stream, 99, context.api.clock()))).toMatchObject(stale('stream_superseded'));
      }
    });

    test('snapshots without order headers are applied as they arrive, and the stream keeps its sequence', async () => {
      const host = await enroll();
      const stream = randomUUID();
      await host.sync([container('a')], order(stream, 4));
      expect(await host.sync([container('b')])).toMatchObject({ applied: true });
      expect(await host.sync([container('a')], order(stream, 4))).toMatchObject(stale('sequence_not_rising'));
      expect(await host.sync([container('c')], order(stream, 5))).toMatchObject({ applied: true });
      expect(Object.keys(await host.present())).toEqual(['c']);
    });

    test('a stream without a sequence is refused, and so is a sequence without a stream', async () => {
      const host = await enroll();
      const alone = await host.post([], { 'Snapshot-Stream': randomUUID() }).expect(400);
      expect(alone.body).toMatchObject({ errors: [{ path: '/snapshot-sequence' }] });
      const reverse = await host.post([], { 'Snapshot-Sequence': '1' }).expect(400);
      expect(reverse.body).toMatchObject({ errors: [{ path: '/snapshot-stream' }] });
    });
  });

  test('never affects another host, even if both hosts have a container with the same dockerId', async () => {
    const organization = await context.api.organization();
    const [one, two] = [await organization.enroll(), await organization.enroll()];
    await one.sync([container('same', { name: 'one' })]);
    await two.sync([container('same', { name: 'two' })]);
    await one.sync([{ ...container('other'), hostId: two.id } as never]);
    expect(await two.present()).toEqual({ same: container('same', { name: 'two' }) });
    expect(await one.row('same')).toMatchObject({ removedAt: expect.any(Date) });
  });

  describe('is refused as a whole, without a write, for', () => {
    const refused: [string, unknown, string][] = [
      ['an object', {}, ''],
      ['null', null, ''],
      ['an invalid field in the last row', [container('a'), container('b', { name: '' })], '/1/name'],
      [
        'a port above 65535',
        [container('a', { ports: [{ privatePort: 65_536, type: 'tcp' }] })],
        '/0/ports/0/privatePort',
      ],
      ['a NUL in a name', [container('a', { name: 'a\0b' })], '/0/name'],
      ['a NUL in a label', [container('a', { labels: { k: '\0' } })], '/0/labels/k'],
      ['two rows with one dockerId', [container('a'), container('b'), container('a')], '/2/dockerId'],
      ['an invalid date', [container('a', { startedAt: 'yesterday' })], '/0/startedAt'],
      ['an upper-case state', [container('a', { state: 'Running' })], '/0/state'],
      ['5,001 containers', Array.from({ length: 5001 }, (_, i) => container(`c${i}`)), ''],
    ];
    test.each(refused)('%s', async (_what, body, path) => {
      const host = await enroll();
      await host.sync([container('kept')]);
      const before = [await host.present(), await host.host()] as const;
      const answer = await host
        .post(body)
        .expect(400)
        .expect('Content-Type', /^application\/problem\+json/);
      expect(answer.body).toMatchObject({ type: '/problems/invalid-request', status: 400 });
      expect((answer.body as { errors: { path: string }[] }).errors[0]).toMatchObject({ path });
      // Only the refusal is recorded, in the row of the host.
      const refusal = { snapshotRefusedAt: expect.any(Date), snapshotRefusedReason: expect.any(String) };
      expect([await host.present(), await host.host()]).toEqual([before[0], { ...before[1], ...refusal }]);
    });

    test('malformed JSON', async () => {
      const host = await enroll();
      const answer = await host.post('[{"dockerId":').expect(400);
      expect(answer.body).toMatchObject({ errors: [{ path: '', message: 'the body is not valid JSON' }] });
    });
  });
});
