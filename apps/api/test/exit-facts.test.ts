import { describe, expect, test } from '@jest/globals';
import {
  EXIT_ERROR_LENGTH_MAX,
  NAME_LENGTH_MAX,
  type ContainerEvent,
  type ContainerInput,
  type ContainerView,
} from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { container } from './fixtures.js';
import { useApi, type TestHost } from './harness.js';

const FINISHED_AT = '2026-03-01T11:58:00.000Z';
const OOM = { code: 137, reason: 'oom', error: '', finishedAt: FINISHED_AT };
const UNKNOWN = { ...OOM, reason: 'unknown' };
const PORT_IN_USE = 'Bind for 0.0.0.0:8080 failed: port is already allocated';
const NOT_STARTED = { code: 128, reason: 'failed_to_start', error: PORT_IN_USE, finishedAt: null };

/** Returns a container as an agent that inspects containers reports it. */
const inspected = (dockerId: string, changes: Partial<ContainerInput> = {}) =>
  container(dockerId, { exit: null, oomKilled: false, restartCount: 0, ...changes });
const exited = (dockerId: string, exit: ContainerInput['exit'], changes: Partial<ContainerInput> = {}) =>
  inspected(dockerId, { state: 'exited', status: 'Exited (137) 2 minutes ago', exit, ...changes });
const created = (dockerId: string, exit: ContainerInput['exit'], changes: Partial<ContainerInput> = {}) =>
  inspected(dockerId, { state: 'created', status: 'Created', startedAt: null, ports: [], exit, ...changes });

/** Returns an exited container as an agent reports it after a failed inspection. */
const notInspected = (status: string): ContainerInput => container('a', { state: 'exited', status, startedAt: null });

async function viewOf({ organization, id }: TestHost, dockerId: string): Promise<ContainerView> {
  return (await organization.get(`/api/hosts/${id}/containers/${dockerId}`).expect(200)).body as ContainerView;
}

/** Returns kind, state and reason of the events that match a filter, newest first. */
async function eventsOf({ organization, id }: TestHost, filter = '') {
  const { body } = await organization.get(`/api/events?hostId=${id}${filter}`).expect(200);
  const { items } = body as { items: ContainerEvent[] };
  return items.map(({ kind, to, exitReason }) => [kind, to, exitReason]);
}

describe.each(testEngines())('the exit of a process, on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  const enroll = async () => (await context.api.organization()).enroll();

  test('is stored and returned, and its code takes precedence over the code in the status text', async () => {
    const host = await enroll();
    await host.sync([inspected('a')]);
    const facts = { oomKilled: true, restartCount: 3, imageDigest: 'sha256:aa' };
    await host.sync([exited('a', OOM, { ...facts, status: 'Exited (1) now' })]);
    expect(await host.present()).toMatchObject({ a: { exit: OOM, ...facts } });
    expect(await viewOf(host, 'a')).toMatchObject({ exit: OOM, ...facts, exitCode: 137 });
    expect(await eventsOf(host)).toEqual([
      ['exited', 'exited', 'oom'],
      ['created', 'running', null],
    ]);
  });

  test('is null if an older agent does not report it, and the exit code then comes from the status text', async () => {
    const host = await enroll();
    await host.sync([container('a', { state: 'exited', status: 'Exited (3) 1 second ago' })]);
    const facts = { exit: null, oomKilled: null, restartCount: null, imageDigest: null };
    expect(await viewOf(host, 'a')).toMatchObject({ ...facts, exitCode: 3 });
  });

  test('has an unknown reason if a newer agent reports a reason that this version does not know', async () => {
    const host = await enroll();
    await host.sync([exited('a', { ...OOM, reason: 'evicted' })]);
    expect((await viewOf(host, 'a')).exit).toEqual(UNKNOWN);
  });

  test('has a shortened error if the error is too long, and `truncated` then contains `exit`', async () => {
    const host = await enroll();
    await host.sync([created('a', { ...NOT_STARTED, error: 'e'.repeat(EXIT_ERROR_LENGTH_MAX + 1) })]);
    const { exit, truncated } = await viewOf(host, 'a');
    expect([exit?.error, truncated]).toEqual(['e'.repeat(EXIT_ERROR_LENGTH_MAX), ['exit']]);
  });

  test.each([
    ['/0/exit/reason', { exit: { reason: 7 } }],
    ['/0/exit/reason', { exit: {} }],
    ['/0/exit/code', { exit: { ...OOM, code: '137' } }],
    ['/0/exit/finishedAt', { exit: { ...OOM, finishedAt: 'yesterday' } }],
    ['/0/exit', { exit: 'oom' }],
    ['/0/oomKilled', { oomKilled: 'true' }],
    ['/0/restartCount', { restartCount: -1 }],
    ['/0/imageDigest', { imageDigest: 5 }],
    ['/0/exit/error', { exit: { ...NOT_STARTED, error: 'a\0b' } }],
    ['/0/imageDigest', { imageDigest: 'sha256:\0' }],
    ['/0/exit/finishedAt', { exit: { ...OOM, finishedAt: '0000-12-31T23:59:59Z' } }],
    ['/0/exit/finishedAt', { exit: { ...OOM, finishedAt: '0001-01-01T00:00:00+01:00' } }],
    ['/0/exit/finishedAt', { exit: { ...OOM, finishedAt: '9999-12-31T23:59:59-01:00' } }],
    ['/0/exit/finishedAt', { exit: { ...OOM, finishedAt: '10000-01-01T00:00:00Z' } }],
    ['/0/exit/code', { exit: { ...OOM, code: 1.5 } }],
    ['/0/exit/code', { exit: { ...OOM, code: 2 ** 53 } }],
    ['/0/exit/code', { exit: { ...OOM, code: -(2 ** 60) } }],
    ['/0/restartCount', { restartCount: 2 ** 31 }],
    ['/0/restartCount', { restartCount: 0.5 }],
    ['/0/exit/reason', { exit: { ...OOM, reason: null } }],
  ])('with an invalid value is refused with the path %s, and nothing is written: %j', async (path, wrong) => {
    const host = await enroll();
    const { body } = await host.post([container('b'), { ...container('a'), ...wrong }]).expect(400);
    expect((body as { errors: object[] }).errors).toMatchObject([{ path: path.replace('/0', '/1') }]);
    expect([await host.present(), await host.history()]).toEqual([{}, []]);
  });

  test('is stored even with extreme values: long texts are shortened, and invalid characters are replaced', async () => {
    const host = await enroll();
    const reversed = '\u202egnirts\u202c';
    const long = 'x'.repeat(100_000);
    const labels = { 'com.docker.compose.project': long, 'com.docker.compose.service': reversed };
    const last = { ...OOM, code: 2 ** 53 - 1, finishedAt: '9999-12-31T23:59:59.999Z' };
    const first = { code: -(2 ** 53 - 1), finishedAt: '0001-01-01T00:00:00Z', error: `${reversed}\ud800` };
    const containers = [
      exited('a', last, { imageDigest: long, labels, restartCount: 2 ** 31 - 1 }),
      exited('b', { ...first, reason: 'evicted\u{1f680}\ud800' }, { imageDigest: '' }),
      exited('c', OOM, { imageDigest: 'not a digest@@sha256:\udfff', exit: { ...OOM, code: null } }),
    ];
    await host.sync(containers);
    expect(await viewOf(host, 'a')).toMatchObject({
      exit: last,
      exitCode: 2 ** 53 - 1,
      restartCount: 2 ** 31 - 1,
      imageDigest: 'x'.repeat(NAME_LENGTH_MAX),
      workload: { project: 'x'.repeat(NAME_LENGTH_MAX), service: reversed },
      truncated: expect.arrayContaining(['imageDigest']) as unknown,
    });
    expect(await viewOf(host, 'b')).toMatchObject({
      exit: {
        code: -(2 ** 53 - 1),
        finishedAt: '0001-01-01T00:00:00.000Z',
        error: `${reversed}\ufffd`,
        reason: 'unknown',
      },
      imageDigest: '',
    });
    expect(await viewOf(host, 'c')).toMatchObject({ imageDigest: 'not a digest@@sha256:\ufffd', exit: { code: null } });
    // A replica that compares the snapshot with the rows finds no difference.
    const again = await host.through(context.api.replica()).sync([...containers, inspected('d')]);
    expect(again).toMatchObject({ created: 1, updated: 0, unchanged: 3 });
    for (const path of ['export/containers', 'export/events', 'events', 'images', 'projects', 'attention', 'summary']) {
      await host.organization.get(`/api/${path}`).expect(200);
    }
    await host.organization.get('/api/images/builds').query({ image: containers[0]!.image }).expect(200);
  });

  test('becomes known after an upgrade of the agent, without an event', async () => {
    const host = await enroll();
    const older = [
      container('a', { state: 'exited', status: 'Exited (137) 2 hours ago' }),
      container('b', { state: 'created', status: 'Created' }),
      container('c', { state: 'dead', status: 'Dead' }),
      container('d'),
    ];
    await host.sync(older);
    const before = await host.row('a');
    context.api.clock.advance(1_000);
    const facts = { oomKilled: false, restartCount: 0, imageDigest: 'sha256:aa' };
    const exits = [OOM, NOT_STARTED, OOM, null];
    await host.sync(older.map((one, index) => ({ ...one, ...facts, exit: exits[index]! })));
    expect((await host.history()).map(([kind]) => kind)).toEqual(['created', 'created', 'created', 'created']);
    expect((await host.row('a'))?.changedAt).toEqual(before?.changedAt);
    expect((await viewOf(host, 'b')).exit).toEqual(NOT_STARTED);
  });

  describe.each([
    ['an unknown reason', exited('a', UNKNOWN, { status: 'Exited (137) 3 minutes ago' })],
    [
      'only what the exit code says',
      exited('a', { ...OOM, reason: 'crashed' }, { status: 'Exited (137) 3 minutes ago' }),
    ],
    ['no reason, because an inspection failed', notInspected('Exited (137) 3 minutes ago')],
  ])('keeps its known reason when the agent reports %s:', (_, after) => {
    async function expectKept(host: TestHost, report: () => Promise<unknown>) {
      const before = await host.row('a');
      context.api.clock.advance(1_000);
      await report();
      expect(await host.row('a')).toMatchObject({ exit: OOM, exitCode: 137, changedAt: before?.changedAt });
      expect(await host.host()).toMatchObject({ failedCount: 1, stateCounts: { exited: 1, 'exit:oom': 1 } });
      expect(await eventsOf(host)).toEqual([['created', 'exited', 'oom']]);
    }

    test('if the rows are compared', async () => {
      const host = await enroll();
      await host.sync([exited('a', OOM)]);
      const replica = host.through(context.api.replica());
      await expectKept(host, () => replica.sync([after]));
      // The rows are read again, and the container equals its row.
      const another = host.through(context.api.replica());
      await expectKept(host, () => another.sync([{ ...after, status: 'Exited (137) 4 minutes ago' }]));
    });

    test('without writing the row again', async () => {
      const host = await enroll();
      await host.sync([exited('a', OOM)]);
      await host.sync([after]);
      const summary = await host.through(context.api.replica()).sync([after, inspected('b')]);
      expect(summary).toMatchObject({ created: 1, updated: 0, unchanged: 1 });
    });

    test('if the bodies are compared', async () => {
      const host = await enroll();
      await host.sync([exited('a', OOM)]);
      await expectKept(host, () => host.sync([after]));
      await expectKept(host, () => host.sync([{ ...after, status: 'Exited (137) 4 minutes ago' }]));
    });

    test('if the digest confirms the same body', async () => {
      const host = await enroll();
      await host.sync([exited('a', OOM)]);
      await host.sync([after]);
      await expectKept(host, () => host.sync([after]));
      // This replica has not read the rows. It knows the body because the digest was equal.
      const another = host.through(context.api.replica());
      await expectKept(host, () => another.sync([after]));
      await expectKept(host, () => another.sync([{ ...after, status: 'Exited (137) 4 minutes ago' }]));
    });

    test('if the whole row is written or the snapshot is incomplete', async () => {
      const host = await enroll();
      await host.sync([exited('a', OOM)]);
      await expectKept(host, () => host.sync([{ ...after, imageDigest: 'sha256:bb' }]));
      await expectKept(host, () => host.sync([after], { 'Snapshot-Complete': 'false' }));
    });

    test('if the container was absent from a snapshot in between', async () => {
      const host = await enroll();
      await host.sync([exited('a', OOM)]);
      await host.sync([]);
      expect(await viewOf(host, 'a')).toMatchObject({ state: 'exited', exit: null, exitCode: null });
      expect(await host.host()).toMatchObject({ failedCount: 0, stateCounts: {} });
      await host.sync([after]);
      expect(await host.row('a')).toMatchObject({ exit: OOM, exitCode: 137, removedAt: null });
      expect(await host.host()).toMatchObject({ failedCount: 1, stateCounts: { exited: 1, 'exit:oom': 1 } });
      expect((await eventsOf(host)).map(([kind, , reason]) => [kind, reason])).toEqual([
        ['reappeared', 'oom'],
        ['removed', 'oom'],
        ['created', 'oom'],
      ]);
      const another = host.through(context.api.replica());
      const summary = await another.sync([{ ...after, status: 'Exited (137) 4 minutes ago' }, inspected('b')]);
      expect(summary).toMatchObject({ created: 1, updated: 1 });
      expect(await host.row('a')).toMatchObject({ exit: OOM });
    });

    test('until the container starts again', async () => {
      const host = await enroll();
      await host.sync([exited('a', OOM)]);
      await host.sync([after]);
      await host.sync([inspected('a')]);
      expect(await host.host()).toMatchObject({ failedCount: 0, stateCounts: { running: 1 } });
      await host.sync([{ ...after, exit: { ...UNKNOWN, finishedAt: '2026-03-01T11:59:00.000Z' } }]);
      expect(await host.row('a')).toMatchObject({ exit: { reason: 'unknown' } });
    });
  });

  test('keeps the reason `stopped` when a restarted agent knows only that the exit code is 0', async () => {
    const host = await enroll();
    const stopped = { code: 0, reason: 'stopped', error: '', finishedAt: FINISHED_AT };
    await host.sync([exited('a', stopped, { status: 'Exited (0) 2 minutes ago' })]);
    const after = exited('a', { ...stopped, reason: 'completed' }, { status: 'Exited (0) 3 minutes ago' });
    for (const replica of [context.api, context.api.replica()]) {
      await host.through(replica).sync([after]);
      expect(await host.row('a')).toMatchObject({ exit: stopped });
    }
    expect(await eventsOf(host)).toEqual([['created', 'exited', 'stopped']]);
    // An exit at a later time is a different exit.
    const later = { ...stopped, reason: 'completed', finishedAt: '2026-03-01T11:59:00.000Z' };
    await host.sync([exited('a', later, { status: 'Exited (0) 1 second ago' })]);
    expect(await host.row('a')).toMatchObject({ exit: { reason: 'completed' } });
  });

  test.each([
    ['has another code', { status: 'Exited (1) 3 minutes ago' }],
    ['has started again since', { startedAt: '2026-03-01T11:59:00.000Z' }],
    ['is being restarted', { state: 'restarting', status: 'Restarting (137) 3 minutes ago' }],
  ])('is not kept if the agent reports no exit for a container that %s', async (_, changes) => {
    const host = await enroll();
    await host.sync([exited('a', OOM)]);
    await host.sync([{ ...notInspected('Exited (137) 3 minutes ago'), ...changes }]);
    expect((await host.row('a'))?.exit).toBeNull();
  });

  test('is kept for a container that could not be started, even if a later inspection fails', async () => {
    const host = await enroll();
    await host.sync([created('a', NOT_STARTED)]);
    const after = { ...notInspected('Created'), state: 'created', ports: [] };
    for (const report of [[after], [], [after]]) await host.sync(report);
    expect(await viewOf(host, 'a')).toMatchObject({ exit: NOT_STARTED });
    expect((await host.history()).map(([kind]) => kind)).toEqual(['created', 'removed', 'reappeared']);
  });

  test('can get a known reason later, without a second event', async () => {
    const host = await enroll();
    await host.sync([inspected('a')]);
    await host.sync([exited('a', UNKNOWN)]);
    await host.sync([exited('a', OOM)]);
    expect(await host.row('a')).toMatchObject({ exit: OOM });
    expect(await host.host()).toMatchObject({ failedCount: 1 });
    expect(await eventsOf(host, '&kind=exited')).toEqual([['exited', 'exited', 'unknown']]);
  });

  test('is recorded for a container that could not be started, which stays `created`', async () => {
    const host = await enroll();
    await host.sync([created('a', null)]);
    await host.sync([created('a', NOT_STARTED)]);
    await host.sync([created('a', NOT_STARTED), created('b', NOT_STARTED)]);
    expect(await eventsOf(host)).toEqual([
      ['created', 'created', 'failed_to_start'],
      ['exited', 'created', 'failed_to_start'],
      ['created', 'created', null],
    ]);
    const { body } = await host.organization.get('/api/containers?problem=failed&count=true').expect(200);
    expect(body).toMatchObject({ total: 2, items: [{ dockerId: 'a' }, { dockerId: 'b' }] });
  });

  test('is counted by reason, and containers, events and exports can be filtered by reason', async () => {
    const host = await enroll();
    const { organization } = host;
    const [done, stopped] = ['completed', 'stopped'].map((reason) => ({ ...OOM, reason }));
    await host.sync(['a', 'b', 'c', 'd'].map((id) => inspected(id)));
    await host.sync([exited('a', OOM), exited('b', stopped), exited('c', done), inspected('d')]);
    const found = async (filter: string) => {
      const { body } = await organization.get(`/api/containers?count=true&${filter}`).expect(200);
      const { items, total } = body as { items: ContainerView[]; total: number };
      expect(total).toBe(items.length);
      return items.map(({ dockerId }) => dockerId);
    };
    expect(await found('exitReason=oom')).toEqual(['a']);
    expect(await found('exitReason=oom&exitReason=stopped')).toEqual(['a', 'b']);
    expect(await found('exitReason=oom&state=running')).toEqual([]);
    expect(await found('exitReason=crashed')).toEqual([]);
    expect(await found('problem=failed')).toEqual(['a']);
    expect(await eventsOf(host, '&exitReason=stopped')).toEqual([['exited', 'exited', 'stopped']]);
    const { text } = await organization.get('/api/export/containers?exitReason=oom').expect(200);
    const [head, row, ...others] = text.trim().split('\r\n');
    expect(others).toEqual([]);
    const columns = head!.split(',');
    const cell = (name: string) => row!.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/)[columns.indexOf(name)];
    expect(['dockerId', 'exitReason', 'exitError', 'finishedAt', 'oomKilled', 'restartCount'].map(cell)).toEqual([
      ...['a', 'oom', '', FINISHED_AT, 'false', '0'],
    ]);
    const summary = (await organization.get('/api/summary').expect(200)).body as object;
    expect(summary).toMatchObject({ containers: { current: { byExitReason: { oom: 1, stopped: 1, completed: 1 } } } });
    const events = (await organization.get('/api/export/events?exitReason=oom').expect(200)).text;
    const [header, ...rows] = events.split('\r\n').map((line) => line.split(','));
    expect(rows.map((row) => row[header!.indexOf('exitReason')])).toEqual(['oom', undefined]);
  });
});
