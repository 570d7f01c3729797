import { describe, expect, test } from '@jest/globals';
import { deriveWorkload, type ContainerEvent, type ContainerView, type Host, type Page } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { randomUUID } from 'node:crypto';
import { container } from './fixtures.js';
import { useApi, type TestOrganization } from './harness.js';

describe.each(testEngines())('the operator API on %s:', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  const page = async <T>(organization: TestOrganization, path: string) =>
    (await organization.get(path).expect(200)).body as Page<T>;

  /** Reads all items of a list, page by page, and counts the pages. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the caller names the item type
  const all = async <T>(organization: TestOrganization, path: string) => {
    const items: T[] = [];
    let cursor: string | null = null;
    let pages = 0;
    do {
      const separator = path.includes('?') ? '&' : '?';
      const suffix: string = cursor === null ? '' : `${separator}cursor=${encodeURIComponent(cursor)}`;
      const next: Page<T> = await page<T>(organization, path + suffix);
      items.push(...next.items);
      cursor = next.nextCursor;
      pages += 1;
    } while (cursor !== null && pages < 100);
    return { items, pages };
  };

  const send = (organization: TestOrganization, method: 'post' | 'patch' | 'delete', path: string, body?: object) =>
    context.api.http[method](path).auth(organization.adminKey, { type: 'bearer' }).send(body);

  describe('enrollment tokens', () => {
    test('are created, listed without the token, and revoked once', async () => {
      const organization = await context.api.organization();
      const made = await send(organization, 'post', '/api/enrollment-tokens', { name: 'rack 7', maxUses: 3 }).expect(
        201,
      );
      const { token, ...shown } = made.body as { token: string; id: string };
      expect(token).toMatch(/^muster_enroll_[0-9A-Za-z]{49}$/);
      const day = new Date(context.api.clock().getTime() + 86_400_000).toISOString();
      expect(shown).toMatchObject({ name: 'rack 7', maxUses: 3, uses: 0, expiresAt: day, revokedAt: null });
      expect(await page(organization, '/api/enrollment-tokens')).toEqual({ items: [shown], nextCursor: null });
      await send(organization, 'delete', `/api/enrollment-tokens/${shown.id}`).expect(204);
      await send(organization, 'delete', `/api/enrollment-tokens/${shown.id}`).expect(204);
      const { items } = await page<{ revokedAt: string }>(organization, '/api/enrollment-tokens');
      expect(items[0]).toMatchObject({ revokedAt: context.api.clock().toISOString() });
      const audit = await context.api.db.prisma.auditEntry.findMany({
        where: { organizationId: organization.id },
        orderBy: { id: 'asc' },
      });
      expect(audit.map(({ action }) => action)).toEqual(['enrollment_token.created', 'enrollment_token.revoked']);
      expect(JSON.stringify(audit.map(({ details }) => details))).not.toContain('muster_enroll_');
    });

    test('are listed page by page, newest first', async () => {
      const organization = await context.api.organization();
      for (let i = 0; i < 5; i++) await organization.enrollmentToken({ name: `t${i}` });
      const { items, pages } = await all<{ name: string }>(organization, '/api/enrollment-tokens?limit=2');
      expect(items.map(({ name }) => name)).toEqual(['t4', 't3', 't2', 't1', 't0']);
      expect(pages).toBe(3);
    });

    test.each([
      [{}, '/name'],
      [{ name: 'x', maxUses: 0 }, '/maxUses'],
      [{ name: 'x', expiresInSeconds: 1.5 }, '/expiresInSeconds'],
    ])('cannot be created with an invalid field, and the error has the path of the field: %j', async (body, path) => {
      const answer = await send(await context.api.organization(), 'post', '/api/enrollment-tokens', body).expect(400);
      expect((answer.body as { errors: { path: string }[] }).errors[0]).toMatchObject({ path });
    });
  });

  describe('hosts', () => {
    test('are listed by name, page by page, and shown one by one', async () => {
      const organization = await context.api.organization();
      for (const name of ['c', 'a', 'b', 'a']) await organization.enroll({ name });
      const { items, pages } = await all<Host>(organization, '/api/hosts?limit=1');
      expect(items.map(({ name }) => name)).toEqual(['a', 'a', 'b', 'c']);
      expect(new Set(items.map(({ id }) => id)).size).toBe(4);
      expect(pages).toBe(4);
      const shown = await organization.get(`/api/hosts/${items[0]!.id}`).expect(200);
      expect(shown.body).toEqual(items[0]);
    });

    test('can be renamed, and their containers show the new name', async () => {
      const organization = await context.api.organization();
      const host = await organization.enroll({ name: 'old' });
      await host.sync([container('a')]);
      const renamed = await send(organization, 'patch', `/api/hosts/${host.id}`, { name: 'new' }).expect(200);
      expect(renamed.body).toMatchObject({ id: host.id, name: 'new' });
      expect((await page<ContainerView>(organization, '/api/containers')).items[0]).toMatchObject({ hostName: 'new' });
    });

    test('cannot be renamed to invisible characters, and the error has the path of the field', async () => {
      const organization = await context.api.organization();
      const host = await organization.enroll({ name: 'old' });
      for (const name of ['\u200b', '\u202e', '\u2066\u2069']) {
        const answer = await send(organization, 'patch', `/api/hosts/${host.id}`, { name }).expect(400);
        expect((answer.body as { errors: { path: string }[] }).errors).toMatchObject([{ path: '/name' }]);
      }
    });

    test('without contact go from online to stale to offline', async () => {
      const organization = await context.api.organization();
      const host = await organization.enroll();
      const freshness = async () => ({
        host: ((await organization.get(`/api/hosts/${host.id}`)).body as Host).freshness,
        container: (await page<ContainerView>(organization, '/api/containers')).items[0]?.hostFreshness,
      });
      expect(await freshness()).toEqual({ host: 'never', container: undefined });
      await host.sync([container('a')]);
      const confirmedAt = context.api.clock();
      context.api.clock.advance(30_000);
      expect(await freshness()).toEqual({ host: 'online', container: 'online' });
      context.api.clock.advance(1);
      expect(await freshness()).toEqual({ host: 'stale', container: 'stale' });
      // A heartbeat that confirms nothing makes the host online, but does not make its containers current.
      await host.beat({ digest: 'another' });
      expect(await freshness()).toEqual({ host: 'online', container: 'stale' });
      expect((await page<ContainerView>(organization, '/api/containers')).items[0]).toMatchObject({
        asOf: confirmedAt.toISOString(),
      });
      context.api.clock.advance(5 * 60_000);
      expect(await freshness()).toEqual({ host: 'offline', container: 'offline' });
    });
  });

  describe('host clocks', () => {
    const hostWithClockOff = async (sign: 1 | -1) => {
      const { clock } = context.api;
      const organization = await context.api.organization();
      const host = await organization.enroll();
      const startedAt = new Date(clock().getTime() + sign * 3_600_000 - 60_000).toISOString();
      const containers = [container('up', { startedAt }), container('down', { state: 'exited', startedAt })];
      const { digest } = await host.sync(containers);
      const fetchHost = async () => (await organization.get(`/api/hosts/${host.id}`)).body as Host;
      expect(await fetchHost()).toMatchObject({ clockSkewSeconds: null });
      await host.beat({ digest, sentAt: new Date(clock().getTime() + sign * 3_600_400).toISOString() });
      return { organization, host, digest, fetchHost };
    };

    test.each([1, -1] as const)('that are an hour off are shown and used for uptimes (%d h)', async (sign) => {
      const { organization, host, digest, fetchHost } = await hostWithClockOff(sign);
      expect(await fetchHost()).toMatchObject({ clockSkewSeconds: sign * 3_600 });
      const { items } = await page<ContainerView>(organization, '/api/containers?sort=name');
      expect(items.map(({ dockerId, uptimeSeconds }) => [dockerId, uptimeSeconds])).toEqual([
        ['down', null],
        ['up', 60],
      ]);
      // A heartbeat without sentAt does not change the skew.
      await host.beat({ digest });
      expect(await fetchHost()).toMatchObject({ clockSkewSeconds: sign * 3_600 });
    });

    test('that put a start in the future give an uptime of 0, or null for a container that is not up', async () => {
      const organization = await context.api.organization();
      const host = await organization.enroll();
      const tomorrow = new Date(context.api.clock().getTime() + 86_400_000).toISOString();
      await host.sync([
        container('a', { startedAt: tomorrow }),
        container('b', { startedAt: '2262-04-11T23:47:16.000Z' }),
        container('c', { startedAt: tomorrow, state: 'exited', status: 'Exited (0) 1 hour ago' }),
        container('d', { startedAt: tomorrow, state: 'restarting', status: 'Restarting (1) 2 seconds ago' }),
      ]);
      const { items } = await page<ContainerView>(organization, '/api/containers?sort=name');
      expect(items.map(({ startedAt, uptimeSeconds }) => [startedAt, uptimeSeconds])).toEqual([
        [tomorrow, 0],
        ['2262-04-11T23:47:16.000Z', 0],
        [tomorrow, null],
        [tomorrow, null],
      ]);
      const running = await page<ContainerView>(organization, '/api/containers?sort=name&state=running');
      expect(running.items.map(({ dockerId }) => dockerId)).toEqual(['a', 'b']);
    });

    test('that are centuries off are shown with the largest skew, and an invalid time is refused', async () => {
      const { host, fetchHost } = await hostWithClockOff(1);
      await host.beat({ digest: null, sentAt: '0001-01-01T00:00:00Z' }).expect(200);
      expect(await fetchHost()).toMatchObject({ clockSkewSeconds: -(2 ** 31 - 1) });
      const refused = await host.beat({ digest: null, sentAt: 'noon' }).expect(400);
      expect(refused.body).toMatchObject({ errors: [{ path: '/sentAt' }] });
    });
  });

  describe('containers', () => {
    test('are returned with their ten fields and the fields that Muster adds', async () => {
      const organization = await context.api.organization();
      const host = await organization.enroll({ name: 'web-1' });
      const startedAt = new Date(context.api.clock().getTime() - 300_000).toISOString();
      await host.sync([container('a', { startedAt })]);
      const at = context.api.clock().toISOString();
      const expected = {
        ...container('a', { startedAt }),
        hostId: host.id,
        hostName: 'web-1',
        hostFreshness: 'online',
        engineName: 'Docker',
        asOf: at,
        health: 'healthy',
        exitCode: null,
        exit: null,
        oomKilled: null,
        restartCount: null,
        imageDigest: null,
        workload: deriveWorkload({ name: 'name-of-a', labels: { 'com.docker.compose.project': 'shop' } }),
        isInfra: false,
        uptimeSeconds: 300,
        firstSeenAt: at,
        changedAt: at,
        removedAt: null,
      };
      expect(await page(organization, '/api/containers')).toEqual({ items: [expected], nextCursor: null });
      expect((await organization.get(`/api/hosts/${host.id}/containers/a`).expect(200)).body).toEqual(expected);
      await organization.get(`/api/hosts/${host.id}/containers/none`).expect(404);
    });

    test('are found by each filter', async () => {
      const organization = await context.api.organization();
      const [one, two] = [await organization.enroll({ name: 'one' }), await organization.enroll({ name: 'two' })];
      await one.sync([
        container('web', { name: 'web', labels: { tier: 'front', empty: '' } }),
        container('db', {
          name: 'db_1',
          image: 'postgres:16',
          status: 'Up 1 second (unhealthy)',
          labels: { tier: 'back=x' },
        }),
        container('gone', { name: 'gone' }),
      ]);
      await one.sync([
        container('web', { name: 'web', labels: { tier: 'front', empty: '' } }),
        container('db', {
          name: 'db_1',
          image: 'postgres:16',
          status: 'Up 1 second (unhealthy)',
          labels: { tier: 'back=x' },
        }),
      ]);
      await two.sync([
        container('job', {
          name: 'job',
          state: 'exited',
          status: 'Exited (3) 1 hour ago',
          command: 'do 100% work',
          labels: {},
        }),
      ]);
      const find = async (query: string) =>
        (await page<ContainerView>(organization, `/api/containers?${query}`)).items.map(({ dockerId }) => dockerId);

      expect(await find('')).toEqual(['db', 'job', 'web']);
      expect(await find('sort=-name')).toEqual(['web', 'job', 'db']);
      expect(await find('presence=removed')).toEqual(['gone']);
      expect(await find('presence=all')).toEqual(['db', 'gone', 'job', 'web']);
      expect(await find(`hostId=${two.id}`)).toEqual(['job']);
      expect(await find(`hostId=${one.id}&hostId=${two.id}`)).toEqual(['db', 'job', 'web']);
      expect(await find('state=exited')).toEqual(['job']);
      expect(await find('state=exited&state=running')).toEqual(['db', 'job', 'web']);
      expect(await find('health=unhealthy')).toEqual(['db']);
      expect(await find('image=postgres:16')).toEqual(['db']);
      expect(await find('label=tier')).toEqual(['db', 'web']);
      expect(await find('label=tier%3Dfront')).toEqual(['web']);
      expect(await find('label=tier%3Dback%3Dx')).toEqual(['db']);
      expect(await find('label=empty%3D')).toEqual(['web']);
      expect(await find('label=tier&label=empty')).toEqual(['web']);
      expect(await find('q=POSTGRES')).toEqual(['db']);
      expect(await find('q=100%25')).toEqual(['job']);
      expect(await find('q=db_')).toEqual(['db']);
      expect(await find('q=%5C')).toEqual([]);
      expect(await find('q=we')).toEqual(['web']);
    });

    test.each(['name', '-name', 'image', 'state', 'firstSeenAt', '-changedAt'])(
      'sorted by %s are paged without gaps or repeats, even among equal values',
      async (sort) => {
        const organization = await context.api.organization();
        const hosts: string[] = [];
        for (let h = 0; h < 3; h++) {
          const host = await organization.enroll({ name: `h${h}` });
          hosts.push(`hostId=${host.id}`);
          await host.sync(Array.from({ length: 7 }, (_, i) => container(`c${i}`, { name: `n${i % 3}` })));
          context.api.clock.advance(1000);
        }
        const list = `/api/containers?${hosts.join('&')}&sort=${sort}`;
        const { items, pages } = await all<ContainerView>(organization, `${list}&limit=4`);
        expect(pages).toBe(6);
        expect(new Set(items.map(({ hostId, dockerId }) => `${hostId}/${dockerId}`)).size).toBe(21);
        const once = await page<ContainerView>(organization, `${list}&limit=200`);
        expect(items).toEqual(once.items);
      },
    );

    test.each([
      ['limit=0', '/limit'],
      ['limit=201', '/limit'],
      ['limit=ten', '/limit'],
      ['sort=colour', '/sort'],
      ['presence=maybe', '/presence'],
      ['hostId=not-a-uuid', '/hostId/0'],
      ['cursor=%00', '/cursor'],
      ['cursor=bm9uc2Vuc2U', '/cursor'],
      ['colour=red', '/colour'],
      ['q=', '/q'],
      ['q=a%00b', '/q'],
    ])(
      'are not listed with an invalid parameter, and the error has the name of the parameter: %s',
      async (query, path) => {
        const organization = await context.api.organization();
        const answer = await organization.get(`/api/containers?${query}`).expect(400);
        expect((answer.body as { errors: { path: string }[] }).errors[0]).toMatchObject({ path });
      },
    );

    test('are not listed with a cursor of another sort order', async () => {
      const organization = await context.api.organization();
      await (await organization.enroll()).sync([container('a'), container('b')]);
      const { nextCursor } = await page(organization, '/api/containers?limit=1');
      const answer = await organization.get(`/api/containers?sort=image&cursor=${nextCursor}`).expect(400);
      expect(answer.body).toMatchObject({ errors: [{ path: '/cursor' }] });
    });
  });

  describe('events', () => {
    test('are listed newest first, filtered by host, container, name, kind and time', async () => {
      const organization = await context.api.organization();
      const host = await organization.enroll();
      await host.sync([container('a', { name: 'web' })]);
      context.api.clock.advance(60_000);
      const since = context.api.clock().toISOString();
      const observed = { 'Snapshot-Observed-At': '2026-02-28T23:00:00+01:00' };
      await host.sync([container('b', { name: 'web', state: 'exited', status: 'Exited (1) 1 second ago' })], observed);
      await host.sync([container('b', { name: 'web' })]);
      const find = async (query: string) =>
        (await page<ContainerEvent>(organization, `/api/events?${query}`)).items.map(
          ({ kind, dockerId }) => `${kind} ${dockerId}`,
        );

      expect(await find('')).toEqual(['health_changed b', 'started b', 'removed a', 'created b', 'created a']);
      expect(await find('kind=removed&kind=started')).toEqual(['started b', 'removed a']);
      expect(await find('name=web&kind=created')).toEqual(['created b', 'created a']);
      expect(await find('dockerId=a')).toEqual(['removed a', 'created a']);
      expect(await find(`since=${since}`)).toEqual(['health_changed b', 'started b', 'removed a', 'created b']);
      expect(await find(`hostId=${randomUUID()}`)).toEqual([]);
      const { items } = await page<ContainerEvent>(organization, '/api/events?dockerId=b&kind=created');
      expect(items[0]).toMatchObject({
        hostId: host.id,
        name: 'web',
        from: null,
        to: 'exited',
        exitCode: 1,
        observedAt: '2026-02-28T22:00:00.000Z',
        recordedAt: since,
      });
      const { items: paged, pages } = await all<ContainerEvent>(organization, '/api/events?limit=1');
      expect(paged.map(({ kind }) => kind)).toEqual(['health_changed', 'started', 'removed', 'created', 'created']);
      expect(pages).toBe(5);
    });
  });

  test('a read returns 304 for the ETag of the same bytes', async () => {
    const organization = await context.api.organization();
    await (await organization.enroll()).sync([container('a')]);
    const first = await organization.get('/api/containers').expect(200);
    const etag = first.headers['etag']!;
    expect(etag).toMatch(/^W\/"/);
    await organization.get('/api/containers').set('If-None-Match', etag).expect(304);
    context.api.clock.advance(31_000);
    await organization.get('/api/containers').set('If-None-Match', etag).expect(200);
  });

  test('a viewer can read, and can change nothing', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const viewer = await context.api.apiKey(organization.id, 'viewer');
    const as = { type: 'bearer' } as const;
    await context.api.http.get('/api/hosts').auth(viewer, as).expect(200);
    await context.api.http.post('/api/enrollment-tokens').auth(viewer, as).send({ name: 'x' }).expect(403);
    await context.api.http.patch(`/api/hosts/${host.id}`).auth(viewer, as).send({ name: 'x' }).expect(403);
    await context.api.http.delete(`/api/hosts/${host.id}`).auth(viewer, as).expect(403);
  });

  test("another organization's objects are reported as missing", async () => {
    const [ours, theirs] = [await context.api.organization(), await context.api.organization()];
    const host = await theirs.enroll();
    await host.sync([container('a')]);
    const { id: tokenId } = await theirs.enrollmentToken();
    await ours.get(`/api/hosts/${host.id}`).expect(404);
    await ours.get(`/api/hosts/${host.id}/containers/a`).expect(404);
    await send(ours, 'patch', `/api/hosts/${host.id}`, { name: 'mine' }).expect(404);
    await send(ours, 'delete', `/api/hosts/${host.id}`).expect(404);
    await send(ours, 'delete', `/api/enrollment-tokens/${tokenId}`).expect(404);
    for (const path of ['/api/hosts', '/api/containers?presence=all', '/api/events', '/api/enrollment-tokens']) {
      expect(await page(ours, path)).toEqual({ items: [], nextCursor: null });
    }
    expect(await page(ours, `/api/containers?hostId=${host.id}`)).toEqual({ items: [], nextCursor: null });
    expect(await host.host()).toMatchObject({ name: 'host', deletedAt: null });
  });
});
