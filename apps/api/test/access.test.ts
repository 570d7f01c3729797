import { beforeAll, describe, expect, test } from '@jest/globals';
import { Paths } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { issueToken } from '../src/domain/tokens.js';
import { container, enrollRequest, useApi, type TestHost, type TestOrganization } from './harness.js';
import { routesOf } from './route-table.js';
import { TestServer } from './listening.js';

/** Who may call a route: `viewer` means a viewer and an admin. */
type Access = 'anybody' | 'enroll' | 'agent' | 'viewer' | 'admin';

interface Rule {
  access: Access;
  /** A good body, so that only who asks can be why it is refused. */
  body?: unknown;
  /** False: a read without an id that answers no list. */
  isList?: boolean;
  /** True: a good answer has no end. */
  isEndless?: boolean;
}

/** Every route that there is. One that is missing here fails the first test below. */
const RULES: Readonly<Record<string, Rule>> = {
  [`POST ${Paths.agentEnroll}`]: { access: 'enroll', body: enrollRequest() },
  [`POST ${Paths.agentContainers}`]: { access: 'agent', body: [container('intruder')] },
  [`POST ${Paths.agentHeartbeat}`]: { access: 'agent', body: { digest: null, engineError: 'intruder' } },
  [`POST ${Paths.agentToken}`]: { access: 'agent' },
  [`GET ${Paths.agentToken}`]: { access: 'agent', isList: false },
  [`DELETE ${Paths.agentToken}`]: { access: 'agent' },
  [`GET ${Paths.installScript}`]: { access: 'anybody' },
  [`GET ${Paths.agentRelease}`]: { access: 'anybody' },
  [`GET ${Paths.health}`]: { access: 'anybody' },
  [`GET ${Paths.ready}`]: { access: 'anybody' },
  [`GET ${Paths.enrollmentTokens}`]: { access: 'viewer' },
  [`POST ${Paths.enrollmentTokens}`]: { access: 'admin', body: { name: 'intruder' } },
  [`DELETE ${Paths.enrollmentToken}`]: { access: 'admin' },
  [`GET ${Paths.hosts}`]: { access: 'viewer' },
  [`GET ${Paths.host}`]: { access: 'viewer' },
  [`PATCH ${Paths.host}`]: { access: 'admin', body: { name: 'intruder' } },
  [`DELETE ${Paths.host}`]: { access: 'admin' },
  [`GET ${Paths.hostContainer}`]: { access: 'viewer' },
  [`GET ${Paths.containers}`]: { access: 'viewer' },
  [`GET ${Paths.events}`]: { access: 'viewer' },
  [`GET ${Paths.audit}`]: { access: 'admin' },
  [`GET ${Paths.stream}`]: { access: 'viewer', isList: false, isEndless: true },
  [`GET ${Paths.summary}`]: { access: 'viewer', isList: false },
  [`GET ${Paths.images}`]: { access: 'viewer' },
  [`GET ${Paths.ports}`]: { access: 'viewer' },
  [`GET ${Paths.projects}`]: { access: 'viewer' },
  [`GET ${Paths.openApi}`]: { access: 'anybody' },
};

const routes = Object.entries(RULES).map(([name, rule]) => {
  const [method = '', path = ''] = name.split(' ');
  return { name, method, path, isList: method === 'GET' && !path.includes(':'), ...rule };
});
type Route = (typeof routes)[number];
const guarded = routes.filter(({ access }) => access !== 'anybody');

describe.each(testEngines())('access on %s', (engine) => {
  const context = useApi(engine);
  let organization: TestOrganization;
  let host: TestHost;
  let enrollment: { id: string; token: string };
  let viewer: string;
  /** Tokens that are not good, by why not. */
  let bad: Record<Exclude<Access, 'anybody'>, Record<string, string>>;
  let stranger: TestOrganization;

  beforeAll(async () => {
    const { api } = context;
    const past = new Date(api.clock().getTime() - 1);
    organization = await api.organization();
    stranger = await api.organization();
    host = await organization.enroll();
    await host.sync([container('a')]);
    enrollment = await organization.enrollmentToken();
    viewer = await api.apiKey(organization.id, 'viewer');

    const agent = async (dates: object) => {
      const { token, hash } = issueToken('agent');
      await api.db.prisma.agentToken.create({ data: { hash, hostId: host.id, createdAt: past, ...dates } });
      return token;
    };
    const enroll = async (dates: object) => {
      const { id, token } = await organization.enrollmentToken();
      await api.db.prisma.enrollmentToken.update({ where: { id }, data: dates });
      return token;
    };
    const key = (dates: object) => api.apiKey(organization.id, 'admin', dates);
    const common = (kind: 'agent' | 'enroll' | 'key', good: string) => ({
      malformed: 'nonsense',
      'with a typo': `${good.slice(0, -1)}${good.endsWith('0') ? '1' : '0'}`,
      unknown: issueToken(kind).token,
    });
    const keys = {
      ...common('key', organization.adminKey),
      ...{ agent: host.token, enroll: enrollment.token },
      ...{ revoked: await key({ revokedAt: past }), expired: await key({ expiresAt: past }) },
    };
    bad = {
      agent: {
        ...common('agent', host.token),
        ...{ key: organization.adminKey, enroll: enrollment.token },
        ...{ revoked: await agent({ revokedAt: past }), expired: await agent({ expiresAt: past }) },
      },
      enroll: {
        ...common('enroll', enrollment.token),
        ...{ key: organization.adminKey, agent: host.token },
        ...{ revoked: await enroll({ revokedAt: past }), expired: await enroll({ expiresAt: past }) },
        'used up': await enroll({ maxUses: 1, uses: 1 }),
      },
      viewer: keys,
      admin: keys,
    };
  });

  function call({ method, path, body }: Route, token: string | null, ids: Record<string, string> = idsOf()) {
    const url = path.replace(/:(\w+)/g, (_all, name: string) => ids[name] ?? name);
    const request = context.api.http[method.toLowerCase() as 'get'](url);
    if (token !== null) void request.auth(token, { type: 'bearer' });
    return body === undefined ? request : request.send(body as object);
  }

  const idsOf = () => ({ hostId: host.id, dockerId: 'a', enrollmentTokenId: enrollment.id });

  /** All that there is, but for when a token was last used. */
  async function everything() {
    const { prisma } = context.api.db;
    const lastUsedAt = true;
    return JSON.stringify(
      [
        await prisma.host.findMany({ orderBy: { id: 'asc' } }),
        await prisma.container.findMany({ orderBy: { dockerId: 'asc' } }),
        await prisma.containerEvent.findMany({ orderBy: { id: 'asc' } }),
        await prisma.agentToken.findMany({ omit: { lastUsedAt }, orderBy: { id: 'asc' } }),
        await prisma.enrollmentToken.findMany({ orderBy: { id: 'asc' } }),
        await prisma.apiKey.findMany({ omit: { lastUsedAt }, orderBy: { id: 'asc' } }),
        await prisma.auditEntry.findMany({ orderBy: { id: 'asc' } }),
      ],
      (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
    );
  }

  const PROBLEM = /^application\/problem\+json$/;

  test('is said here for every route that there is', () => {
    expect(routesOf(context.api.app).sort()).toEqual(Object.keys(RULES).sort());
  });

  test.each(guarded)('$name is closed without a good token, and nothing is written', async (route) => {
    const before = await everything();
    const { access } = route;
    await call(route, null).expect(401).expect('Content-Type', PROBLEM);
    await call(route, null).set('Authorization', 'Basic YTpi').expect(401).expect('Content-Type', PROBLEM);
    for (const [why, token] of Object.entries(bad[access as Exclude<Access, 'anybody'>])) {
      const { status, type, body } = await call(route, token);
      expect({ why, status, type, problem: (body as { type?: string }).type }).toEqual({
        ...{ why, status: 401, type: 'application/problem+json', problem: '/problems/token-invalid' },
      });
    }
    expect(await everything()).toBe(before);
  });

  test.each(guarded.filter(({ access }) => access === 'admin'))('$name is closed to a viewer', async (route) => {
    const before = await everything();
    const answer = await call(route, viewer).expect(403).expect('Content-Type', PROBLEM);
    expect(answer.body).toMatchObject({ type: '/problems/forbidden' });
    expect(await everything()).toBe(before);
  });

  test.each(guarded.filter(({ path }) => path.includes(':')))(
    "$name takes another organization's object for one that does not exist",
    async (route) => {
      const before = await everything();
      const nobody = '00000000-0000-4000-8000-000000000000';
      const missing = await call(route, stranger.adminKey, { hostId: nobody, enrollmentTokenId: nobody });
      const foreign = await call(route, stranger.adminKey).expect(404).expect('Content-Type', PROBLEM);
      const unnamed = ({ requestId: _requestId, ...problem }: Record<string, unknown>) => problem;
      expect(unnamed(foreign.body as Record<string, unknown>)).toEqual(
        unnamed(missing.body as Record<string, unknown>),
      );
      expect(await everything()).toBe(before);
    },
  );

  test.each(guarded.filter(({ isList }) => isList))("$name lists nothing of another organization's", async (route) => {
    const answer = await call(route, stranger.adminKey).expect(200);
    expect(answer.body).toEqual({ items: [], nextCursor: null });
  });

  // The counterpart: were the routes closed to everybody, all of the above would hold, too.
  test.each(guarded.filter(({ isEndless }) => !isEndless))('$name is open to a good token', async (route) => {
    const own = await context.api.organization();
    const ownHost = await own.enroll();
    await ownHost.sync([container('a')]);
    const { id, token } = await own.enrollmentToken();
    const tokens = { enroll: token, agent: ownHost.token, viewer: await context.api.apiKey(own.id, 'viewer') };
    const ids = { hostId: ownHost.id, dockerId: 'a', enrollmentTokenId: id };
    const answer = await call(route, { ...tokens, admin: own.adminKey }[route.access as keyof typeof tokens], ids);
    expect(answer.status).toBeGreaterThanOrEqual(200);
    expect(answer.status).toBeLessThan(300);
    if (route.isList) expect((answer.body as { items: unknown[] }).items).not.toEqual([]);
  });

  test('the stream is open to a good token', async () => {
    const server = await TestServer.start(context.api.app);
    const heard = await server.listen(viewer);
    expect(heard.answer.statusCode).toBe(200);
    await heard.until(() => heard.of('summary').length > 0);
    heard.close();
    await server.close();
  });
});
