import { beforeAll, describe, expect, test } from '@jest/globals';
import type { ContainerEvent, ContainerView, CountedPage, Host, Summary } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { container } from './fixtures.js';
import { useApi, type TestHost, type TestOrganization } from './harness.js';
import { TestServer } from './test-server.js';

describe.each(testEngines())('lists of hosts on %s:', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  let organization: TestOrganization;

  beforeAll(async () => {
    organization = await context.api.organization();
    const silent = await organization.enroll({ name: 'charlie', agentVersion: '0.1.0' });
    await silent.sync([container('a'), container('b', { state: 'paused' })]);
    context.api.clock.advance(600_000);
    const podman = { name: 'Podman', version: '4.3.1', apiVersion: '1.41' };
    await organization.enroll({ name: 'alpha_1', engine: podman, agentVersion: '0.2.0' });
    const live = await organization.enroll({ name: 'bravo', engineId: 'ABCD:1234', agentVersion: '0.2.0' });
    await live.sync([container('a')]);
  });

  const names = async (query: string) => {
    const { body } = await organization.get(`/api/hosts?${query}`).expect(200);
    return (body as CountedPage<Host>).items.map(({ name }) => name);
  };

  test.each([
    ['', ['alpha_1', 'bravo', 'charlie']],
    ['freshness=online', ['bravo']],
    ['freshness=offline&freshness=never', ['alpha_1', 'charlie']],
    ['state=paused', ['charlie']],
    ['engine=Podman', ['alpha_1']],
    ['agentVersion=0.2.0&state=running', ['bravo']],
    ['q=BRAV', ['bravo']],
    ['q=a_1', ['alpha_1']],
    ['q=abcd', ['bravo']],
    ['q=nobody', []],
  ])('?%s finds the matching hosts', async (query, expected) => {
    expect(await names(query)).toEqual(expected);
  });

  test.each([
    ['name', ['alpha_1', 'bravo', 'charlie']],
    ['enrolledAt', ['charlie', 'alpha_1', 'bravo']],
    // Hosts that were last seen at the same instant are in the order of their ids, which is the order of enrollment.
    ['lastSeenAt', ['charlie', 'alpha_1', 'bravo']],
    ['containerCount', ['alpha_1', 'bravo', 'charlie']],
    ['agentVersion', ['charlie', 'alpha_1', 'bravo']],
    ['engine', ['charlie', 'bravo', 'alpha_1']],
    ['severity', ['bravo', 'alpha_1', 'charlie']],
  ])('sort=%s works in both directions and across pages', async (sort, expected) => {
    for (const [order, inOrder] of [
      [sort, expected],
      [`-${sort}`, [...expected].reverse()],
    ] as const) {
      const found: string[] = [];
      let cursor = '';
      do {
        const { body } = await organization.get(`/api/hosts?sort=${order}&limit=1&count=true${cursor}`).expect(200);
        const page = body as CountedPage<Host>;
        expect(page).toMatchObject({ total: 3, totalIsExact: true });
        found.push(...page.items.map(({ name }) => name));
        cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
      } while (cursor !== '');
      expect(found).toEqual(inOrder);
    }
  });

  test('engines and agents are sorted by version, across pages and while their versions change', async () => {
    const other = await context.api.organization();
    const versions = ['29.10', '29.9', '4.1', '29.10-rc.1'];
    for (const version of versions) {
      await other.enroll({
        name: version,
        engine: { name: 'Docker', version, apiVersion: '1' },
        agentVersion: version,
      });
    }
    const sorted = ['4.1', '29.9', '29.10-rc.1', '29.10'];
    for (const sort of ['engine', 'agentVersion']) {
      for (const [order, expected] of [
        [sort, sorted],
        [`-${sort}`, [...sorted].reverse()],
      ] as const) {
        const path = `/api/hosts?sort=${order}&limit=2`;
        const first = (await other.get(path).expect(200)).body as CountedPage<Host>;
        // After this change, no host has the version that the cursor contains.
        const last = first.items.at(-1)!;
        const changed = { engineVersion: '1', agentVersion: '1' };
        const { prisma } = context.api.db;
        const { engineVersion, agentVersion } = await prisma.host.findUniqueOrThrow({ where: { id: last.id } });
        await prisma.host.update({ where: { id: last.id }, data: order.startsWith('-') ? {} : changed });
        const second = await other.get(`${path}&cursor=${first.nextCursor}`).expect(200);
        const items = [...first.items, ...(second.body as CountedPage<Host>).items];
        expect(items.map(({ name }) => name)).toEqual(expected);
        await prisma.host.update({ where: { id: last.id }, data: { engineVersion, agentVersion } });
      }
    }
  });

  const asCursor = (...values: unknown[]) => Buffer.from(JSON.stringify(values)).toString('base64url');
  const ID = '00000000-0000-0000-0000-000000000000';

  // Numbers too large for int4, numbers too large for any column, and JSON values that are not whole numbers.
  const NUMBERS = [3_000_000_000, -3_000_000_000, 2 ** 53, 1e300, 0.5, '1', null];
  test.each([
    ['hosts?sort=containerCount', (n: unknown) => ['containerCount', n, ID]],
    ['hosts?sort=severity', (n: unknown) => ['severity', n, ID]],
    ['ports', (n: unknown) => ['host', ID, n, 'tcp', '', 1, 'a']],
    ['ports', (n: unknown) => ['host', ID, 1, 'tcp', '', n, 'a']],
    ['events', (n: unknown) => (typeof n === 'number' && Number.isSafeInteger(n) ? [0.5, 1] : [1, n])],
    ['audit', (n: unknown) => (typeof n === 'number' && Number.isSafeInteger(n) ? [0.5] : [n])],
  ])(
    'a cursor of %s whose number does not fit the column is refused with an error about the cursor',
    async (list, place) => {
      for (const number of NUMBERS) {
        const cursor = asCursor(...place(number));
        const path = `/api/${list}${list.includes('?') ? '&' : '?'}cursor=${cursor}`;
        const { body } = await organization.get(path).expect(400);
        expect(body).toMatchObject({ errors: [{ path: '/cursor' }] });
      }
    },
  );

  test('a query and a path accept the same host ids', async () => {
    // This is not a valid UUID of any version, but PostgreSQL accepts it.
    const odd = '11111111-1111-0111-0111-11111111111A';
    await organization.get(`/api/containers?hostId=${odd}`).expect(200, { items: [], nextCursor: null });
    await organization.get(`/api/hosts/${odd}`).expect(404);
    await organization.get('/api/containers?hostId=1').expect(400);
    await organization.get('/api/hosts/1').expect(404);
  });

  test.each([
    ['sort=colour', '/sort', /name.*-name/],
    ['freshness=young', '/freshness/0', /online.*stale/],
    ['problem=noise', '/problem/0', /engine_unreachable.*clock_skew/],
    ['count=maybe', '/count', /true.*false/],
    ['limit=0', '/limit', /1 to 200/],
    ['colour=red', '/colour', /^is not recognized$/],
    ['sort=name&sort=name', '/sort', /^must not be repeated$/],
    ['count=true&count=true', '/count', /^must not be repeated$/],
    ['limit=1&limit=2', '/limit', /^must not be repeated$/],
  ])('?%s is refused, and the error has the name of the parameter and the reason', async (query, path, message) => {
    const { body } = await organization.get(`/api/hosts?${query}`).expect(400);
    expect(body).toMatchObject({ errors: [{ path, message: expect.stringMatching(message) }] });
  });

  test.each(['state', '-state', 'changedAt', '-changedAt'])(
    'containers are sorted by %s only together with hostId',
    async (sort) => {
      const { body } = await organization.get(`/api/containers?sort=${sort}`).expect(400);
      expect(body).toMatchObject({ errors: [{ path: '/sort', message: expect.stringMatching(/with hostId$/) }] });
      await organization.get(`/api/containers?sort=${sort}&hostId=${ID}`).expect(200);
    },
  );

  test('a cursor of another sort order is refused', async () => {
    const { body } = await organization.get('/api/hosts?limit=1').expect(200);
    const { nextCursor } = body as CountedPage<Host>;
    const refused = await organization.get(`/api/hosts?sort=enrolledAt&cursor=${nextCursor}`).expect(400);
    expect(refused.body).toMatchObject({ errors: [{ path: '/cursor' }] });
  });
});

describe.each(testEngines())('reading while rows change on %s:', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });

  test('every container that keeps its position is listed once while other rows change', async () => {
    const organization = await context.api.organization();
    const hosts: TestHost[] = [await organization.enroll(), await organization.enroll()];
    const steadyIds = Array.from({ length: 12 }, (_, index) => `s${String(index).padStart(2, '0')}`);
    const snapshot = (round: number) => [
      ...steadyIds.map((id) => container(id, { name: id, state: round % 2 === 0 ? 'running' : 'paused' })),
      // These containers appear, disappear and change places in the list, next to the containers above.
      ...steadyIds
        .filter((_, i) => (i + round) % 3 === 0)
        .map((id) => container(`x${id}`, { name: `${id}-${round % 4}` })),
    ];
    for (const host of hosts) await host.sync(snapshot(0));
    for (const sort of ['name', '-name', 'image', 'firstSeenAt', '-firstSeenAt']) {
      const seen: string[] = [];
      let cursor = '';
      let round = 1;
      do {
        const { body } = await organization.get(`/api/containers?sort=${sort}&limit=3${cursor}`).expect(200);
        const page = body as CountedPage<ContainerView>;
        seen.push(...page.items.map(({ hostId, dockerId }) => `${hostId} ${dockerId}`));
        cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
        context.api.clock.advance(1_000);
        for (const host of hosts) await host.sync(snapshot(round++));
      } while (cursor !== '');
      const steadySeen = seen.filter((key) => / s\d\d$/.test(key)).sort();
      expect(steadySeen).toEqual(hosts.flatMap(({ id }) => steadyIds.map((dockerId) => `${id} ${dockerId}`)).sort());
    }
  });

  test('the summary counts the same current and last known containers as the list', async () => {
    const organization = await context.api.organization();
    const [silent, broken, well] = [
      await organization.enroll(),
      await organization.enroll(),
      await organization.enroll(),
    ];
    await silent.sync([container('a'), container('b', { state: 'paused' })]);
    context.api.clock.advance(600_000);
    await broken.sync([container('c')]);
    await broken.beat({ digest: null, engineError: 'no socket' }).expect(200);
    await well.sync([container('d'), container('e'), container('gone')]);
    await well.sync([container('d'), container('e')]);

    const { body } = await organization.get('/api/summary').expect(200);
    const { current, lastKnown } = (body as Summary).containers;
    const find = async (query: string) => {
      const answer = await organization.get(`/api/containers?count=true&${query}`).expect(200);
      const { items, total } = answer.body as CountedPage<ContainerView>;
      expect(total).toBe(items.length);
      return items.map(({ dockerId, hostFreshness }) => `${dockerId} ${hostFreshness}`);
    };
    const silence = 'hostFreshness=stale&hostFreshness=offline&hostFreshness=engine_down';
    expect(await find('hostFreshness=online')).toEqual(['d online', 'e online']);
    expect(await find(silence)).toEqual(['a offline', 'b offline', 'c engine_down']);
    expect(await find(`${silence}&state=running`)).toEqual(['a offline', 'c engine_down']);
    expect(await find('hostFreshness=online&presence=removed')).toEqual(['gone online']);
    expect([current.total, lastKnown.total, lastKnown.byState['running']]).toEqual([2, 3, 2]);

    const exported = await organization.get('/api/export/containers?hostFreshness=engine_down').expect(200);
    expect(exported.text.trim().split('\n')).toHaveLength(2);
  });

  test('the events of a container that is recreated with the same name form one list, which can be read by period', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const instants: string[] = [];
    for (const id of ['first', 'second', 'third']) {
      instants.push(context.api.clock().toISOString());
      await host.sync([container(id, { name: 'web' }), container('other', { name: 'db' })]);
      context.api.clock.advance(60_000);
    }
    const listEvents = async (query: string) => {
      const { body } = await organization.get(`/api/events?name=web${query}`).expect(200);
      return (body as { items: ContainerEvent[] }).items.map(({ kind, dockerId }) => `${kind} ${dockerId}`);
    };
    const all = await listEvents('');
    expect(all).toHaveLength(5);
    expect([...all.slice(0, 2)].sort()).toEqual(['created third', 'removed second']);
    expect(all.at(-1)).toBe('created first');
    expect(await listEvents('&kind=created')).toEqual(['created third', 'created second', 'created first']);
    expect(await listEvents(`&kind=created&since=${instants[1]}&until=${instants[2]}`)).toEqual(['created second']);
  });
});

describe.each(testEngines())('exports on %s', (engine) => {
  const context = useApi(engine, { sharesDatabase: true });
  let organization: TestOrganization;

  beforeAll(async () => {
    organization = await context.api.organization();
    const host = await organization.enroll({ name: 'one, two' });
    await host.sync([container('gone', { name: 'gone' })]);
    await host.sync([
      container('a', { name: '=HYPERLINK("x")', command: '+1', labels: { 'a"b': 'ü' } }),
      container('b', { name: 'web', status: 'Up 1 second', ports: [{ privatePort: 53, type: 'udp' }] }),
      ...Array.from({ length: 600 }, (_, index) => container(`c${index}`, { name: '@sum' })),
    ]);
  });

  test('contain exactly once every row that the filters find, as CSV that no spreadsheet executes', async () => {
    const answer = await organization.get('/api/export/containers?presence=all').expect(200);
    expect(answer.headers['content-type']).toMatch(/^text\/csv; charset=utf-8/);
    expect(answer.headers['content-disposition']).toMatch(
      /^attachment; filename="muster-containers-\d{4}-\d\d-\d\d\.csv"$/,
    );
    const lines = answer.text.split('\r\n');
    expect(lines[0]).toMatch(/^host,hostId,hostFreshness,asOf,dockerId,name,image,/);
    expect(lines).toHaveLength(1 + 603 + 1);
    const a = lines.find((line) => line.includes(',a,'));
    expect(a).toContain(`"one, two",`);
    expect(a).toContain(`,"'=HYPERLINK(""x"")",`);
    expect(a).toContain(`,'+1,`);
    expect(a).toContain(`,"{""a\\""b"":""ü""}",`);
    expect(answer.text).not.toMatch(/(^|,|\n)"?[=+\-@]/);
    expect(new Set(lines.map((line) => line.split(',')[5])).size).toBe(605);
  });

  test('contain the same objects as the lists, as NDJSON', async () => {
    const { text } = await organization.get('/api/export/containers?format=ndjson&q=web').expect(200);
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as ContainerView);
    const { body } = await organization.get('/api/containers?q=web').expect(200);
    expect(lines).toEqual((body as CountedPage<ContainerView>).items);
    const events = await organization.get('/api/export/events?format=ndjson&kind=removed').expect(200);
    expect(events.text.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(events.text)).toMatchObject({ kind: 'removed', dockerId: 'gone' });
  });

  test('without rows are only a header in CSV, and empty in NDJSON', async () => {
    const empty = await context.api.organization();
    expect((await empty.get('/api/export/events').expect(200)).text).toMatch(/^id,recordedAt,[^\n]*\r\n$/);
    expect((await empty.get('/api/export/events?format=ndjson').buffer(true).expect(200)).text).toBe('');
  });

  test('refuse an unknown filter with an error that contains its name', async () => {
    const { body } = await organization.get('/api/export/containers?sort=name').expect(400);
    expect(body).toMatchObject({ errors: [{ path: '/sort' }] });
  });

  test('end when their reader disconnects, and then free their slots', async () => {
    const server = await TestServer.start(context.api.app);
    const headers = { Authorization: `Bearer ${organization.adminKey}` };
    // Cancels more exports than can run at the same time, so each of them must free its slot.
    for (let turn = 0; turn < 20; turn++) {
      const answer = await fetch(`${server.url}/api/export/containers?presence=all`, { headers });
      expect(answer.status).toBe(200);
      await answer.body?.cancel();
    }
    await server.close();
  });
});
