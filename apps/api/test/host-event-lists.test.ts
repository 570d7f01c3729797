/** Tests the history of hosts in lists, in exports and in the live stream. */
import { describe, expect, test } from '@jest/globals';
import { HostEventPage, Paths, type ContainerEvent, type HostEvent, type Page } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { container } from './fixtures.js';
import { useApi, type TestHost, type TestOrganization } from './harness.js';
import { useServers } from './streams.js';

describe.each(testEngines())('the history of hosts on %s', (engine) => {
  const context = useApi(engine);
  const serve = useServers(context);

  const rename = (organization: TestOrganization, host: TestHost, name: string) =>
    context.api.http
      .patch(Paths.host.replace(':hostId', host.id))
      .auth(organization.adminKey, { type: 'bearer' })
      .send({ name, labels: { env: name } })
      .expect(200);
  const read = async (organization: TestOrganization, path: string): Promise<HostEvent[]> => {
    const items: HostEvent[] = [];
    let cursor = '';
    do {
      const { body } = await organization.get(`${path}${path.includes('?') ? '&' : '?'}limit=2${cursor}`).expect(200);
      const page = HostEventPage.parse(body);
      items.push(...page.items);
      cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`;
    } while (cursor !== '');
    return items;
  };
  const kindsAndHosts = (events: readonly HostEvent[]) => events.map(({ kind, hostName }) => `${kind} ${hostName}`);
  const ofHost = (host: TestHost) => Paths.hostEvents.replace(':hostId', host.id);

  /** Creates two hosts. A minute later, the first host reports a container and is renamed. */
  async function start() {
    const organization = await context.api.organization();
    const [one, two] = [await organization.enroll({ name: 'one' }), await organization.enroll({ name: 'two' })];
    context.api.clock.advance(60_000);
    await one.sync([container('a')]);
    await rename(organization, one, 'uno');
    return { organization, one, two };
  }

  test('lists the events of one host and of all hosts in pages, newest first, with filters', async () => {
    const { organization, one, two } = await start();
    expect(kindsAndHosts(await read(organization, ofHost(one)))).toEqual([
      'labels_changed uno',
      'host_renamed uno',
      'host_enrolled uno',
    ]);
    expect(kindsAndHosts(await read(organization, `${ofHost(one)}?kind=host_renamed`))).toEqual(['host_renamed uno']);
    const all = `${Paths.events}?subject=host`;
    expect(kindsAndHosts(await read(organization, all))).toHaveLength(4);
    expect(kindsAndHosts(await read(organization, `${all}&hostLabel=env=uno&kind=host_enrolled`))).toEqual([
      'host_enrolled uno',
    ]);
    expect(kindsAndHosts(await read(organization, `${all}&hostId=${two.id}`))).toEqual(['host_enrolled two']);
    const now = context.api.clock().toISOString();
    expect(kindsAndHosts(await read(organization, `${all}&since=${now}&kind=host_renamed`))).toEqual([
      'host_renamed uno',
    ]);
    expect(kindsAndHosts(await read(organization, `${all}&until=${now}`))).toEqual([
      'host_enrolled two',
      'host_enrolled uno',
    ]);
    await organization.get(ofHost(await (await context.api.organization()).enroll())).expect(404);
  });

  test('does not appear among container events, and refuses filters that apply only to container events', async () => {
    const { organization } = await start();
    for (const subject of ['', '?subject=container']) {
      const { body } = await organization.get(`${Paths.events}${subject}`).expect(200);
      expect((body as Page<ContainerEvent>).items.map(({ kind }) => kind)).toEqual(['created']);
    }
    for (const [query, path] of [
      ['subject=host&name=a', '/name'],
      ['subject=host&kind=created', '/kind/0'],
      ['kind=host_renamed', '/kind/0'],
      ['subject=engine', '/subject'],
    ] as const) {
      const { body } = await organization.get(`${Paths.events}?${query}`).expect(400);
      expect(body).toMatchObject({ errors: [{ path }] });
    }
  });

  test('limits the size of a page, however large the events are', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const { db, clock } = context.api;
    const [at, message] = [clock(), 'm'.repeat(10_000)];
    const events = Array.from({ length: 60 }, (_, index) => ({
      ...{ tx: 3n, id: BigInt(index), hostId: host.id, organizationId: organization.id, at, recordedAt: at },
      ...{ kind: 'problem_started', to: { code: String(index), message } },
    }));
    await db.prisma.hostEvent.createMany({ data: events });
    const found: HostEvent[] = [];
    let pages = 0;
    for (let cursor: string | null = ''; cursor !== null; pages += 1) {
      const path = `${ofHost(host)}?limit=200${cursor && `&cursor=${cursor}`}`;
      const response = await organization.get(path).expect(200);
      expect(response.text.length).toBeLessThan(300_000);
      const page = HostEventPage.parse(response.body);
      found.push(...page.items);
      cursor = page.nextCursor;
    }
    expect(pages).toBe(3);
    expect(new Set(found.map(({ id }) => id)).size).toBe(61);
    const { text } = await organization.get(`${Paths.exportEvents}?subject=host`).expect(200);
    expect(text.trim().split('\r\n')).toHaveLength(62);
  });

  test('is exported as CSV and NDJSON', async () => {
    const { organization } = await start();
    const path = `${Paths.exportEvents}?subject=host`;
    const { text: csv } = await organization.get(path).expect(200);
    expect(csv.split('\r\n')[0]).toBe('id,at,recordedAt,host,hostId,kind,from,to');
    expect(csv.trim().split('\r\n')).toHaveLength(5);
    expect(csv).toContain('"{""name"":""one""}","{""name"":""uno""}"');
    const exported = await organization.get(`${path}&format=ndjson&kind=host_renamed`).buffer().expect(200);
    const text = exported.text || (exported.body as Buffer).toString();
    expect(JSON.parse(text)).toMatchObject({ kind: 'host_renamed', to: { name: 'uno' } });
  });

  test('is streamed in one order with container events, and the stream can resume after any of these events', async () => {
    const { organization, one } = await start();
    const server = await serve();
    const client = await server.listen(organization.adminKey);
    const filtered = await server.listen(organization.adminKey, { query: '?kind=created' });
    await client.until(() => client.of('freshness').length > 0);
    await rename(organization, one, 'eins');
    await one.sync([container('a'), container('b')]);
    await rename(organization, one, 'un');
    await client.until(() => client.of('host-event').length === 4 && client.of('container').length === 1);
    const received = client.messages.filter(({ event }) => event === 'host-event' || event === 'container');
    expect(received.map(({ data }) => (data as { kind: string }).kind)).toEqual([
      'host_renamed',
      'labels_changed',
      'created',
      'host_renamed',
      'labels_changed',
    ]);
    await filtered.until(() => filtered.of('container').length === 1);
    expect(filtered.of('host-event')).toEqual([]);
    const ids = received.map(({ id }) => id);
    for (const from of [1, 2]) {
      const resumed = await server.listen(organization.adminKey, { lastEventId: ids[from]! });
      await resumed.until(() => resumed.messages.some(({ id }) => id === ids.at(-1)));
      const later = resumed.messages.filter(({ event }) => event === 'host-event' || event === 'container');
      expect(later.map(({ id }) => id)).toEqual(ids.slice(from + 1));
      expect(resumed.of('reset')).toEqual([]);
    }
  });

  test('sends a `host` message for each change of labels, even for several changes in the same millisecond', async () => {
    const organization = await context.api.organization();
    const host = await organization.enroll();
    const server = await serve();
    const client = await server.listen(organization.adminKey);
    await client.until(() => client.of('freshness').length > 0);
    for (const env of ['prod', 'test', 'prod']) {
      await context.api.http
        .patch(Paths.host.replace(':hostId', host.id))
        .auth(organization.adminKey, { type: 'bearer' })
        .send({ labels: { env } })
        .expect(200);
      await client.until(() => client.of('host').at(-1)?.data.labels['env'] === env);
    }
    expect(client.of('host').map(({ data }) => data.labels)).toEqual([
      { env: 'prod' },
      { env: 'test' },
      { env: 'prod' },
    ]);
  });
});
