import { describe, expect, test } from '@jest/globals';
import { Paths, type Attention, type Host } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { container, enrollRequest, order } from './fixtures.js';
import { TestHost, useApi } from './harness.js';

const AGENT_PROBLEMS = ['engine_unreachable', 'list_refused', 'too_many_containers', 'snapshot_refused'] as const;
const STREAM = '019ab000-0000-7000-8000-000000000001';
const OTHER_STREAM = '019ab000-0000-7000-8000-000000000002';

describe.each(testEngines())("a host's problems on %s:", (engine) => {
  const context = useApi(engine);
  const enrollHost = async () => (await context.api.organization()).enroll();
  const fetchHost = async (host: TestHost) =>
    (await host.organization.get(`/api/hosts/${host.id}`).expect(200)).body as Host;
  const codes = async (host: TestHost) => (await fetchHost(host)).problems.map(({ code }) => code);
  const containersFreshness = async (host: TestHost) => {
    const { body } = await host.organization.get('/api/containers').expect(200);
    return (body as { items: { hostFreshness: string }[] }).items.map(({ hostFreshness }) => hostFreshness);
  };
  /** Enrolls the same machine again, with the token that an operator issued to restore its host. */
  const enrollAgain = async (host: TestHost) => {
    const { engineId } = await fetchHost(host);
    const issued = await context.api.http
      .post(`/api/hosts/${host.id}/token`)
      .auth(host.organization.adminKey, { type: 'bearer' })
      .expect(201);
    const { body } = await context.api.http
      .post(Paths.agentEnroll)
      .auth((issued.body as { token: string }).token, { type: 'bearer' })
      .send(enrollRequest({ engineId }))
      .expect(200);
    return new TestHost(host.organization, host.id, (body as { agentToken: string }).agentToken);
  };
  const now = () => context.api.clock().toISOString();
  const sendHeartbeatsForMinutes = async (host: TestHost, count: number, beat: object) => {
    for (let i = 0; i < count * 6; i++) {
      context.api.clock.advance(10_000);
      await host.beat(beat).expect(200);
    }
  };

  test.each(AGENT_PROBLEMS)(
    '%s is shown with its latest message and the time of the first heartbeat that reported it',
    async (code) => {
      const host = await enrollHost();
      const { digest } = await host.sync([container('a')]);
      expect(await fetchHost(host)).toMatchObject({ problems: [] });
      const since = now();
      await host.beat({ digest: null, problems: [{ code, message: 'for a reason' }] }).expect(200);
      await sendHeartbeatsForMinutes(host, 1, { digest: null, problems: [{ code, message: 'for another reason' }] });
      expect((await fetchHost(host)).problems).toEqual([{ code, message: 'for another reason', since }]);
      await host.beat({ digest, problems: [] }).expect(200);
      expect(await fetchHost(host)).toMatchObject({ problems: [] });
    },
  );

  test.each(AGENT_PROBLEMS)('with %s, heartbeats keep the host alive but make no container current', async (code) => {
    const host = await enrollHost();
    const { digest } = await host.sync([container('a')]);
    // While the host has this problem, a heartbeat with the digest of the stored snapshot confirms no containers.
    await sendHeartbeatsForMinutes(host, 1, { digest, problems: [{ code, message: 'for a reason' }] });
    const freshness = code === 'engine_unreachable' ? 'engine_down' : 'online';
    expect(await fetchHost(host)).toMatchObject({ freshness });
    expect(await containersFreshness(host)).toEqual([code === 'engine_unreachable' ? 'engine_down' : 'stale']);
    await sendHeartbeatsForMinutes(host, 5, { digest, problems: [{ code, message: 'for a reason' }] });
    expect(await fetchHost(host)).toMatchObject({ freshness });
    expect(await containersFreshness(host)).toEqual([code === 'engine_unreachable' ? 'engine_down' : 'offline']);
    await host.beat({ digest }).expect(200);
    expect(await containersFreshness(host)).toEqual(['online']);
  });

  test.each([
    ['a label whose key has a NUL character', { labels: { 'a\0b': '' } }],
    ['a label whose key has half a surrogate pair', { labels: { 'a\ud800b': '\0' } }],
  ])('a snapshot that is refused for %s is a problem of its host', async (_what, fields) => {
    const host = await enrollHost();
    await host.sync([container('a')]);
    await host.post([container('a', fields)]).expect(400);
    expect(await codes(host)).toEqual(['snapshot_refused']);
  });

  test('an older agent reports an unreachable engine with engineError only', async () => {
    const host = await enrollHost();
    await host.sync([]);
    await host.beat({ digest: null, engineError: 'no socket' }).expect(200);
    expect(await fetchHost(host)).toMatchObject({
      freshness: 'engine_down',
      engineError: 'no socket',
      problems: [{ code: 'engine_unreachable', message: 'no socket', since: now() }],
    });
  });

  test('problems take precedence over the engineError that a newer agent sends for older APIs', async () => {
    const host = await enrollHost();
    await host.sync([]);
    const problems = [{ code: 'list_refused', message: '403 from the proxy' }];
    await host.beat({ digest: null, engineError: '403 from the proxy', problems }).expect(200);
    expect(await fetchHost(host)).toMatchObject({ freshness: 'online', engineError: null });
    expect(await codes(host)).toEqual(['list_refused']);
  });

  test.each(['engine_unreachable', 'list_refused'] as const)(
    'a host that was enrolled while its engine could not list containers is engine_down, and needs attention (%s)',
    async (code) => {
      const host = await enrollHost();
      expect(await fetchHost(host)).toMatchObject({ freshness: 'never' });
      await host.beat({ digest: null, problems: [{ code, message: 'for a reason' }] }).expect(200);
      const since = now();
      context.api.clock.advance(5_000);
      expect(await fetchHost(host)).toMatchObject({ freshness: 'engine_down', containerCount: 0 });
      const filtered = await host.organization.get(`${Paths.hosts}?freshness=engine_down`).expect(200);
      expect(filtered.body).toMatchObject({ items: [{ id: host.id }] });
      const attention = await host.organization.get(Paths.attention).expect(200);
      const { hosts } = attention.body as Attention;
      const kinds = code === 'engine_unreachable' ? ['engine_down'] : ['engine_down', 'list_refused'];
      expect(hosts.total).toBe(1);
      expect(hosts.problems.map((each) => [each.kind, each.total, each.since])).toEqual(
        kinds.map((kind) => [kind, 1, since]),
      );
      await host.sync([container('a')]);
      await host.beat({ digest: null, problems: [{ code, message: 'for a reason' }] }).expect(200);
      expect(await fetchHost(host)).toMatchObject({ freshness: code === 'list_refused' ? 'online' : 'engine_down' });
    },
  );

  test('an unknown code is ignored, and more than 8 problems are refused', async () => {
    const host = await enrollHost();
    await host.sync([]);
    const problem = (code: string) => ({ code, message: 'for a reason' });
    await host.beat({ digest: null, problems: [problem('from_the_future'), problem('list_refused')] }).expect(200);
    expect(await codes(host)).toEqual(['list_refused']);
    await host.beat({ digest: null, problems: Array.from({ length: 9 }, () => problem('list_refused')) }).expect(400);
  });

  test('a complete snapshot clears the problems that it contradicts', async () => {
    const host = await enrollHost();
    await host.sync([container('a')]);
    const beat = { digest: null, problems: AGENT_PROBLEMS.map((code) => ({ code, message: 'for a reason' })) };
    await host.beat(beat).expect(200);
    await host.sync([container('b')], { 'Snapshot-Complete': 'false' });
    expect(await codes(host)).toEqual([...AGENT_PROBLEMS]);
    await host.sync([container('a')]);
    expect(await codes(host)).toEqual([]);
    await host.beat(beat).expect(200);
    // A snapshot with the same bytes is not compared with the stored rows, but it must also clear the problems.
    await host.sync([container('a')]);
    expect(await codes(host)).toEqual([]);
  });

  test('a refused snapshot is shown, with the invalid field and the time of the refusal, until a snapshot is applied', async () => {
    const host = await enrollHost();
    const { digest } = await host.sync([container('a')]);
    const since = now();
    await host.post([{ ...container('a'), name: '' }]).expect(400);
    context.api.clock.advance(10_000);
    await host.post('[').expect(400);
    await host.post([{ ...container('a'), name: '' }]).expect(400);
    const { problems } = await fetchHost(host);
    expect(problems).toEqual([{ code: 'snapshot_refused', message: expect.stringContaining('/0/name'), since }]);
    await sendHeartbeatsForMinutes(host, 1, { digest });
    expect(await fetchHost(host)).toMatchObject({ freshness: 'online' });
    expect(await containersFreshness(host)).toEqual(['stale']);
    await host.sync([container('a')]);
    expect(await fetchHost(host)).toMatchObject({ problems: [] });
    expect(await containersFreshness(host)).toEqual(['online']);
  });

  test('a body that is too large counts as a refused snapshot', async () => {
    const host = await enrollHost();
    await host.sync([]);
    await host.post(JSON.stringify([container('a', { command: 'x'.repeat(11 * 1024 * 1024) })])).expect(413);
    expect(await codes(host)).toEqual(['snapshot_refused']);
  });

  test('a clock that is off by more than a minute is shown, and does not affect freshness', async () => {
    const host = await enrollHost();
    const { digest } = await host.sync([container('a')]);
    const beatAt = (seconds: number) =>
      host
        .beat({ digest, sentAt: new Date(context.api.clock().getTime() + seconds * 1_000).toISOString() })
        .expect(200);
    await beatAt(60);
    expect(await codes(host)).toEqual([]);
    const since = now();
    await beatAt(-3_600);
    context.api.clock.advance(10_000);
    await beatAt(-3_700);
    expect((await fetchHost(host)).problems).toEqual([
      { code: 'clock_skew', message: expect.stringContaining('3700 s behind'), since },
    ]);
    await host.sync([container('a'), container('b')]);
    expect(await codes(host)).toEqual(['clock_skew']);
    expect(await containersFreshness(host)).toEqual(['online', 'online']);
    await beatAt(0);
    expect(await codes(host)).toEqual([]);
  });

  test('a suspected clone is shown from the second machine’s first call until a day after that machine’s last call', async () => {
    const host = await enrollHost();
    await host.sync([], order(STREAM, 1));
    await host.sync([], order(OTHER_STREAM, 1));
    context.api.clock.advance(61_000);
    const since = now();
    await host.post([], order(STREAM, 2)).expect(200);
    context.api.clock.advance(3_600_000);
    await host.post([], order(STREAM, 3)).expect(200);
    expect((await fetchHost(host)).problems).toEqual([
      { code: 'clone_suspected', message: expect.stringContaining('Two machines'), since },
    ]);
    context.api.clock.advance(24 * 3_600_000);
    expect(await codes(host)).toEqual([]);
    const again = now();
    await host.post([], order(STREAM, 4)).expect(200);
    expect((await fetchHost(host)).problems).toMatchObject([{ since: again }]);
  });

  test('problems that a superseded machine reports are not shown for the current machine', async () => {
    const host = await enrollHost();
    await host.sync([], order(STREAM, 1));
    await host.sync([], order(OTHER_STREAM, 1));
    const problems = [{ code: 'list_refused', message: 'for a reason' }];
    await host.beat({ digest: null, problems }, { 'Snapshot-Stream': STREAM }).expect(200);
    expect(await codes(host)).toEqual([]);
  });

  test('the problem `truncated` is shown with its start and the number of affected containers until all fields fit', async () => {
    const host = await enrollHost();
    await host.sync([container('a')]);
    const large = (dockerId: string) => container(dockerId, { command: 'c'.repeat(5_000) });
    const since = now();
    const { digest } = await host.sync([large('a')]);
    await sendHeartbeatsForMinutes(host, 1, { digest });
    expect((await fetchHost(host)).problems).toEqual([
      { code: 'truncated', message: expect.stringContaining('1 container has'), since },
    ]);
    expect(await containersFreshness(host)).toEqual(['online']);
    await host.sync([large('b')], { 'Snapshot-Complete': 'false' });
    expect((await fetchHost(host)).problems).toEqual([
      { code: 'truncated', message: expect.stringContaining('2 containers have'), since },
    ]);
    await host.sync([container('a'), container('b')]);
    expect(await codes(host)).toEqual([]);
    context.api.clock.advance(10_000);
    const again = now();
    await host.sync([large('a'), container('b')]);
    expect((await fetchHost(host)).problems).toMatchObject([{ code: 'truncated', since: again }]);
  });

  test('a refused snapshot of a superseded machine is not shown for the current machine', async () => {
    const host = await enrollHost();
    await host.sync([], order(STREAM, 1));
    await host.sync([], order(OTHER_STREAM, 1));
    await host.post('[', order(STREAM, 2)).expect(400);
    // These headers are invalid, but the server still determines that the snapshot belongs to the superseded stream.
    await host.post([], { 'Snapshot-Stream': STREAM.toUpperCase() }).expect(400);
    expect(await codes(host)).toEqual([]);
    await host.post('[', order(OTHER_STREAM, 2)).expect(400);
    expect(await codes(host)).toEqual(['snapshot_refused']);
  });

  test('a journal that is replayed a second time does not cause clone_suspected', async () => {
    const host = await enrollHost();
    const observedAt = context.api.clock();
    await host.sync([], order(STREAM, 1, observedAt));
    await host.sync([], order(OTHER_STREAM, 1));
    context.api.clock.advance(600_000);
    await host.post([], order(STREAM, 1, observedAt)).expect(200);
    expect(await codes(host)).toEqual([]);
    await host.post([], order(STREAM, 2, context.api.clock())).expect(200);
    expect(await codes(host)).toEqual(['clone_suspected']);
  });

  test('problems stay after the host is enrolled again, until a report shows that they have ended', async () => {
    const host = await enrollHost();
    await host.sync([]);
    await host.post('[').expect(400);
    await host.beat({ digest: null, problems: [{ code: 'list_refused', message: 'for a reason' }] }).expect(200);
    context.api.clock.advance(600_000);
    const again = await enrollAgain(host);
    expect(await codes(again)).toEqual(await codes(host));
    expect(await codes(again)).toHaveLength(2);
    await again.sync([]);
    expect(await codes(again)).toEqual([]);
  });

  test('a host whose agent left is shown as left until it is enrolled again', async () => {
    const host = await enrollHost();
    await host.sync([container('a')]);
    await context.api.http.delete(Paths.agentToken).auth(host.token, { type: 'bearer' }).expect(204);
    context.api.clock.advance(3_600_000);
    expect(await fetchHost(host)).toMatchObject({ freshness: 'left' });
    expect(await containersFreshness(host)).toEqual(['left']);
    const { body } = await host.organization.get('/api/summary').expect(200);
    expect(body).toMatchObject({ hosts: { byFreshness: { left: 1, offline: 0 } } });
    const again = await enrollAgain(host);
    expect(again.id).toBe(host.id);
    expect((await fetchHost(again)).freshness).toBe('online');
  });

  test('the metrics count hosts by problem', async () => {
    const host = await enrollHost();
    await host.sync([]);
    const counts = async () => {
      context.api.clock.advance(10_000);
      const { text } = await context.api.http.get(Paths.metrics).expect(200);
      const count = (code: string) =>
        Number(new RegExp(`muster_host_problems\\{code="${code}"\\} (\\d+)`).exec(text)?.[1]);
      return {
        listRefused: count('list_refused'),
        snapshotRefused: count('snapshot_refused'),
        truncated: count('truncated'),
      };
    };
    const { listRefused, snapshotRefused, truncated } = await counts();
    await host.sync([container('a', { command: 'c'.repeat(5_000) })]);
    await host.beat({ digest: null, problems: [{ code: 'list_refused', message: 'for a reason' }] }).expect(200);
    await host.post('[').expect(400);
    expect(await counts()).toEqual({
      listRefused: listRefused + 1,
      snapshotRefused: snapshotRefused + 1,
      truncated: truncated + 1,
    });
  });
});
