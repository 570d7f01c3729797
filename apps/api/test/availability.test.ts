/** Tests the availability of hosts, which the API computes from recorded events. */
import { describe, expect, test } from '@jest/globals';
import {
  Paths,
  type AvailabilityGroups,
  type AvailabilityItemPage,
  type HostAvailability,
  type HostEventKind,
} from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { recordHostEvents } from '../src/services/host-events/index.js';
import { container } from './fixtures.js';
import { useApi, type TestHost, type TestOrganization } from './harness.js';

const HOUR_MS = 3_600_000;

describe.each(testEngines())('availability on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  const hoursAgo = (hours: number) => new Date(context.api.clock().getTime() - hours * HOUR_MS);

  /** Records events of a host, like the task that detects silences. */
  const record = (
    host: TestHost,
    events: [kind: HostEventKind, hoursAgo: number, from?: object | null, to?: object][],
  ) =>
    recordHostEvents(
      context.api.db.prisma,
      events.map(([kind, hours, from = null, to = null]) => ({
        organizationId: host.organization.id,
        hostId: host.id,
        kind,
        from: from as Record<string, string> | null,
        to: to as Record<string, string> | null,
        at: hoursAgo(hours),
        recordedAt: hoursAgo(hours),
      })),
    );
  /** Records a silence between two calls, in hours before now. */
  const silence = (host: TestHost, from: number, to: number) => {
    const since = hoursAgo(from).toISOString();
    return record(host, [
      ['host_stale', from - 0.01, null, { since }],
      ['host_offline', from - 0.1, null, { since }],
      ['host_back', to, { state: 'offline', since }, { silentSeconds: String((from - to) * 3_600) }],
    ]);
  };
  /** Creates a host that was enrolled `hours` hours ago and is online now. */
  const enroll = async (organization: TestOrganization, name: string, hours: number, labels: object = {}) => {
    const host = await organization.enroll({ name });
    await host.sync([container('a')]);
    const { prisma } = context.api.db;
    const enrolledAt = hoursAgo(hours);
    await prisma.host.update({ where: { id: host.id }, data: { enrolledAt, firstSnapshotAt: enrolledAt, labels } });
    await prisma.hostEvent.updateMany({ where: { hostId: host.id }, data: { at: enrolledAt, recordedAt: enrolledAt } });
    return host;
  };
  const read = async <T>(organization: TestOrganization, path: string): Promise<T> => {
    const { body } = await organization.get(path).expect(200);
    return body as T;
  };
  const ofHost = (host: TestHost, window: string) =>
    read<HostAvailability>(host.organization, `/api/hosts/${host.id}/availability?window=${window}`);

  test('of a host counts each silence from the last call before it, and ignores the time before the enrollment', async () => {
    const host = await enroll(await context.api.organization(), 'a', 20);
    await silence(host, 10, 8);
    const day = await ofHost(host, '24h');
    expect(day.seconds).toEqual({
      online: 18 * 3_600,
      engineDown: 0,
      stale: 0,
      offline: 2 * 3_600,
      unknown: 4 * 3_600,
    });
    expect(day.ratio).toBe(0.9);
    expect(day.segments.map(({ state, reason }) => reason ?? state)).toEqual([
      'not_enrolled',
      'online',
      'offline',
      'online',
    ]);
    expect(day.segments[2]).toMatchObject({ from: hoursAgo(10).toISOString(), to: hoursAgo(8).toISOString() });
    expect((await ofHost(host, '30d')).seconds.unknown).toBe((30 * 24 - 20) * 3_600);
  });

  test('of a host that is silent now counts the silence from the last call, even before an event is recorded', async () => {
    const host = await enroll(await context.api.organization(), 'a', 48);
    context.api.clock.advance(2 * HOUR_MS);
    const day = await ofHost(host, '24h');
    expect(day.seconds).toMatchObject({ online: 22 * 3_600, offline: 2 * 3_600 });
  });

  test('of a host that left or never reported is unknown, and the ratio is null', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll({ name: 'never' });
    expect(await ofHost(host, '24h')).toMatchObject({ ratio: null, seconds: { unknown: 24 * 3_600 } });
    const left = await enroll(organization, 'left', 100);
    await left.organization.api.http.delete(Paths.agentToken).auth(left.token, { type: 'bearer' }).expect(204);
    context.api.clock.advance(24 * HOUR_MS);
    expect(await ofHost(left, '24h')).toMatchObject({ ratio: null, segments: [{ reason: 'left' }] });
  });

  test('of a host that left while it was offline is offline until the departure', async () => {
    const { prisma } = context.api.db;
    const host = await enroll(await context.api.organization(), 'a', 1_000);
    const since = hoursAgo(240);
    await record(host, [
      ['host_stale', 239.9, null, { since: since.toISOString() }],
      ['host_offline', 239.8, null, { since: since.toISOString() }],
    ]);
    const recordedSilence = { from: since.toISOString(), state: 'offline' };
    await prisma.host.update({ where: { id: host.id }, data: { lastSeenAt: since, recordedSilence } });
    await context.api.http.delete(Paths.agentToken).auth(host.token, { type: 'bearer' }).expect(204);
    context.api.clock.advance(24 * HOUR_MS);
    const week = await ofHost(host, '7d');
    expect(week).toMatchObject({ ratio: 0, seconds: { offline: 6 * 86_400, unknown: 86_400 } });
  });

  test('of a host whose engine was down before a silence is engine_down until the silence', async () => {
    const host = await enroll(await context.api.organization(), 'a', 1_000);
    const problem = { code: 'engine_unreachable', message: 'no answer', since: hoursAgo(100).toISOString() };
    await context.api.db.prisma.host.update({
      where: { id: host.id },
      data: { engineError: 'no answer', agentProblems: [problem], lastSeenAt: hoursAgo(12) },
    });
    const day = await ofHost(host, '24h');
    expect(day).toMatchObject({ ratio: 0, seconds: { engineDown: 12 * 3_600, offline: 12 * 3_600 } });
  });

  test('of the time before a host’s first snapshot stays unknown after that snapshot', async () => {
    const host = await (await context.api.organization()).enroll({ name: 'late' });
    context.api.clock.advance(3 * HOUR_MS);
    await host.sync([container('a')]);
    context.api.clock.advance(20_000);
    const { segments, ratio } = await ofHost(host, '24h');
    expect(segments.map(({ state, reason }) => reason ?? state)).toEqual(['not_enrolled', 'no_report', 'online']);
    expect(segments[1]).toMatchObject({ to: new Date(context.api.clock().getTime() - 20_000).toISOString() });
    expect(ratio).toBe(1);
  });

  test('of a period whose events may have been deleted is unknown, even if events are now kept for longer', async () => {
    const { prisma } = context.api.db;
    const host = await enroll(await context.api.organization(), 'a', 1_000);
    const where = { step: 'host_events' };
    const deletedBefore = hoursAgo(48);
    await prisma.retentionStep.upsert({
      where,
      create: { ...where, succeededAt: hoursAgo(0), deletedBefore },
      update: { deletedBefore },
    });
    try {
      const week = await ofHost(host, '7d');
      expect(week.seconds).toMatchObject({ online: 48 * 3_600, unknown: 5 * 86_400 });
      expect(week.segments[0]).toMatchObject({ reason: 'no_history' });
    } finally {
      await prisma.retentionStep.update({ where, data: { deletedBefore: null } });
    }
  });

  test('of hosts with more events than one statement reads is complete', async () => {
    const organization = await context.api.organization();
    const hosts = [await enroll(organization, 'a', 1_000), await enroll(organization, 'b', 1_000)];
    for (const { id } of hosts) {
      await context.api.db.prisma.$executeRaw`
        INSERT INTO host_events (tx, id, "hostId", "organizationId", kind, "from", at, "recordedAt")
        SELECT pg_current_xact_id()::text::bigint, nextval('container_events_id_seq'), ${id}::uuid, ${organization.id},
          'host_back', jsonb_build_object('state', 'stale', 'since', at), at + interval '10 s', at + interval '10 s'
        FROM generate_series(1, 3000) AS step, LATERAL (
          SELECT ${hoursAgo(20)}::timestamptz + step * interval '20 s' AS at) AS silence`;
    }
    const { items } = await read<AvailabilityItemPage>(organization, '/api/availability?window=24h&sort=name');
    expect(items.map(({ seconds }) => seconds.stale)).toEqual([30_000, 30_000]);
  });

  test('does not count time in which Muster was down', async () => {
    const { prisma } = context.api.db;
    const host = await enroll(await context.api.organization(), 'a', 100);
    await silence(host, 6, 4);
    const outage = { startedAt: hoursAgo(5), endedAt: hoursAgo(3) };
    await prisma.serviceOutage.create({ data: outage });
    try {
      const day = await ofHost(host, '24h');
      expect(day.seconds).toMatchObject({ online: 21 * 3_600, offline: 3_600, unknown: 2 * 3_600 });
      expect(day.segments.map(({ state, reason }) => reason ?? state)).toEqual([
        'online',
        'offline',
        'muster_away',
        'online',
      ]);
    } finally {
      await prisma.serviceOutage.delete({ where: { startedAt: outage.startedAt } });
    }
  });

  test('of a host that an earlier version of Muster enrolled is unknown before the host’s history begins', async () => {
    const host = await enroll(await context.api.organization(), 'a', 100);
    await context.api.db.prisma.hostEvent.updateMany({ where: { hostId: host.id }, data: { recordedAt: hoursAgo(6) } });
    const day = await ofHost(host, '24h');
    expect(day.segments.map(({ state, reason }) => reason ?? state)).toEqual(['no_history', 'online']);
    expect(day.seconds).toMatchObject({ online: 6 * 3_600, unknown: 18 * 3_600 });
  });

  test('of a host with many changes has at most 500 segments, and an exact ratio', async () => {
    const host = await enroll(await context.api.organization(), 'a', 100);
    const since = (hours: number) => ({ since: hoursAgo(hours).toISOString() });
    await record(
      host,
      Array.from({ length: 400 }, (_, index) => 20 - index / 20).flatMap((hours): Parameters<typeof record>[1] => [
        ['host_stale', hours - 0.009, null, since(hours)],
        ['host_back', hours - 0.01, { state: 'stale', ...since(hours) }],
      ]),
    );
    const day = await ofHost(host, '24h');
    expect(day.isExact).toBe(false);
    expect(day.segments.length).toBeLessThanOrEqual(500);
    expect(day.seconds.stale).toBeCloseTo(400 * 36, 0);
  });

  test('is listed page by page with the same window, sorted by ratio or name, and filtered by label', async () => {
    const organization = await context.api.organization();
    for (const [name, hours] of [
      ['a', 0],
      ['b', 3],
      ['c', 1],
      ['d', 2],
    ] as const) {
      const host = await enroll(organization, name, 100, { env: hours > 1 ? 'prod' : 'test' });
      if (hours > 0) await silence(host, 5, 5 - hours);
    }
    await organization.enroll({ name: 'new' });
    const page = (query: string) => read<AvailabilityItemPage>(organization, `/api/availability?window=24h&${query}`);
    const names = ({ items }: AvailabilityItemPage) => items.map(({ hostName }) => hostName);
    expect(names(await page(''))).toEqual(['b', 'd', 'c', 'a', 'new']);
    expect(names(await page('sort=-ratio'))).toEqual(['a', 'c', 'd', 'b', 'new']);
    expect(names(await page('sort=-name'))).toEqual(['new', 'd', 'c', 'b', 'a']);
    expect(names(await page('hostLabel=env=prod'))).toEqual(['b', 'd']);
    for (const sort of ['ratio', '-ratio', 'name', '-name']) {
      const all = await page(`sort=${sort}`);
      const paged: string[] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const next: AvailabilityItemPage = await page(`sort=${sort}&limit=2${cursor && `&cursor=${cursor}`}`);
        expect([next.from, next.to]).toEqual([all.from, all.to]);
        paged.push(...names(next));
        cursor = next.nextCursor;
      }
      expect(paged).toEqual(names(all));
    }
    const { nextCursor } = await page('limit=1');
    await organization.get(`/api/availability?window=24h&sort=name&cursor=${nextCursor}`).expect(400);
  });

  test('is aggregated by host label', async () => {
    const organization = await context.api.organization();
    const prod = await enroll(organization, 'a', 100, { env: 'prod' });
    await enroll(organization, 'b', 100, { env: 'prod' });
    await enroll(organization, 'c', 100, { env: 'test' });
    await enroll(organization, 'd', 100);
    await silence(prod, 12, 6);
    const groups = await read<AvailabilityGroups>(organization, '/api/availability-groups?window=24h&by=env');
    expect(groups.groups.map(({ value, hosts, ratio }) => [value, hosts, ratio])).toEqual([
      ['prod', 2, 42 / 48],
      [null, 1, 1],
      ['test', 1, 1],
    ]);
    expect(groups.total).toMatchObject({ hosts: 4, ratio: 90 / 96 });
  });

  test('of another organization cannot be read', async () => {
    const host = await enroll(await context.api.organization(), 'a', 10);
    const other = await context.api.organization();
    await other.get(`/api/hosts/${host.id}/availability`).expect(404);
    expect(await read<AvailabilityItemPage>(other, `/api/availability?hostId=${host.id}`)).toMatchObject({ items: [] });
  });
});
