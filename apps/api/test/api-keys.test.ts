import { describe, expect, test } from '@jest/globals';
import { ApiKey, ApiKeyCreated, Paths, type Page } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { useApi, type TestOrganization } from './harness.js';
import { person } from './users.js';

describe.each(testEngines())('API keys on %s', (engine) => {
  const context = useApi(engine);
  const bearer = { type: 'bearer' } as const;

  const create = async (organization: TestOrganization, request: object) => {
    const answer = await context.api.http.post(Paths.apiKeys).auth(organization.adminKey, bearer).send(request);
    expect(answer.status).toBe(201);
    return ApiKeyCreated.parse(answer.body);
  };
  const revoke = (organization: TestOrganization, id: string) =>
    context.api.http.delete(Paths.apiKey.replace(':apiKeyId', id)).auth(organization.adminKey, bearer);
  const read = (key: string, api = context.api) => api.http.get(Paths.session).auth(key, bearer);
  const list = async (organization: TestOrganization, query = '') =>
    (await organization.get(`${Paths.apiKeys}?${query}`).expect(200)).body as Page<ApiKey>;

  test('are created with a role and an expiry, and are valid until they expire', async () => {
    const organization = await context.api.organization();
    const expiresAt = new Date(context.api.clock().getTime() + 60_000).toISOString();
    const { id, key } = await create(organization, { name: 'dashboards', expiresAt });
    expect((await read(key).expect(200)).body).toEqual({
      user: null,
      apiKey: { id, name: 'dashboards' },
      role: 'viewer',
      expiresAt,
      organization: { id: organization.id, name: organization.id },
    });
    context.api.clock.advance(60_000);
    await read(key).expect(401);
  });

  test('cannot be created with an expiry that no response can represent, because the list of keys would then fail', async () => {
    const organization = await context.api.organization();
    for (const expiresAt of ['9999-12-31T23:59:59-14:00', '10000-01-01T00:00:00Z', '0000-06-01T00:00:00Z']) {
      const request = { name: 'beyond', expiresAt };
      const answer = await context.api.http.post(Paths.apiKeys).auth(organization.adminKey, bearer).send(request);
      expect([answer.status, answer.body]).toMatchObject([400, { errors: [{ path: '/expiresAt' }] }]);
    }
    expect((await list(organization)).items.map(({ name }) => name)).toEqual(['admin']);
  });

  test('cannot be stored with an expiry that no response can represent, even with direct SQL', async () => {
    const organization = await context.api.organization();
    const { id } = await create(organization, { name: 'old' });
    const set = `UPDATE api_keys SET "expiresAt" = $1::timestamptz WHERE id = $2::uuid`;
    const { prisma } = context.api.db;
    for (const expiresAt of ['10000-01-01T13:59:59Z', 'infinity']) {
      await expect(prisma.$executeRawUnsafe(set, expiresAt, id)).rejects.toThrow('api_keys_expiresAt_check');
    }
    expect(await list(organization)).toMatchObject({ items: [{ name: 'old', expiresAt: null }, { name: 'admin' }] });
  });

  test('cannot be created with an unknown field, because a misspelled expiry would mean no expiry', async () => {
    const organization = await context.api.organization();
    const request = { name: 'ci', role: 'admin', expires_at: '2026-12-01T00:00:00Z' };
    const answer = await context.api.http.post(Paths.apiKeys).auth(organization.adminKey, bearer).send(request);
    expect([answer.status, answer.body]).toMatchObject([400, { errors: [{ path: '/expires_at' }] }]);
    expect((await list(organization)).items).toHaveLength(1);
  });

  test('are listed newest first with the time of their last use, and without the secret', async () => {
    const organization = await context.api.organization();
    await create(await context.api.organization(), { name: 'of another' });
    const first = await create(organization, { name: 'first', role: 'admin' });
    const second = await create(organization, { name: 'second' });
    await read(second.key).expect(200);
    const page = await list(organization, 'limit=2');
    expect(page.items.map(({ name, role, lastUsedAt }) => [name, role, lastUsedAt])).toEqual([
      ['second', 'viewer', context.api.clock().toISOString()],
      ['first', 'admin', null],
    ]);
    for (const item of page.items) expect(ApiKey.parse(item)).toEqual(item);
    expect(JSON.stringify(page)).not.toContain('muster_key_');
    const rest = await list(organization, `limit=2&cursor=${page.nextCursor}`);
    expect([rest.items.map(({ name }) => name), rest.nextCursor]).toEqual([['admin'], null]);
    expect(first.lastUsedAt).toBeNull();
  });

  test('are refused by every process after they are revoked, and a second revocation changes nothing', async () => {
    const [organization, stranger] = [await context.api.organization(), await context.api.organization()];
    const { id, key } = await create(organization, { name: 'leaked' });
    const replica = context.api.replica();
    await read(key, replica).expect(200);
    await revoke(stranger, id).expect(404);
    await read(key, replica).expect(200);
    await revoke(organization, id).expect(204);
    await read(key, replica).expect(401);
    await revoke(organization, id).expect(204);
    const { items } = (await organization.get(Paths.audit)).body as { items: object[] };
    expect(items).toMatchObject([
      { action: 'api_key.revoked', actorName: 'admin', target: `api_key:${id}`, details: { name: 'leaked' } },
      { action: 'api_key.created', actorName: 'admin', target: `api_key:${id}` },
    ]);
    expect(JSON.stringify(items)).not.toContain(key);
  });

  test('are returned with their creator', async () => {
    const organization = await context.api.organization();
    const { browser, id } = await person(context.api, organization.id, 'admin');
    const byPerson = ApiKeyCreated.parse(
      (await browser.call('post', Paths.apiKeys, { name: 'x', role: 'admin' })).body,
    );
    expect(byPerson).toMatchObject({ createdBy: `user:${id}`, createdByName: 'The admin' });
    const answer = await context.api.http.post(Paths.apiKeys).auth(byPerson.key, bearer).send({ name: 'y' });
    expect(answer.body).toMatchObject({ createdBy: `api_key:${byPerson.id}`, createdByName: 'x' });
    expect((await list(organization)).items.map(({ name, createdByName }) => [name, createdByName])).toEqual([
      ['y', 'x'],
      ['x', 'The admin'],
      ['admin', null],
    ]);
  });

  test('with an expiry cannot create keys that stay valid longer', async () => {
    const organization = await context.api.organization();
    const inMinutes = (minutes: number) => new Date(context.api.clock().getTime() + minutes * 60_000).toISOString();
    const { key } = await create(organization, { name: 'short-lived', role: 'admin', expiresAt: inMinutes(10) });
    const createWith = (expiresAt: string | null) =>
      context.api.http.post(Paths.apiKeys).auth(key, bearer).send({ name: 'z', role: 'admin', expiresAt });
    for (const expiresAt of [null, inMinutes(11)]) {
      const refused = await createWith(expiresAt).expect(400);
      expect(refused.body).toMatchObject({ errors: [{ path: '/expiresAt' }] });
    }
    await createWith(inMinutes(10)).expect(201);
  });

  test('can be listed and created by admins and owners only', async () => {
    const organization = await context.api.organization();
    const statuses = [];
    for (const role of ['viewer', 'admin', 'owner'] as const) {
      const { browser } = await person(context.api, organization.id, role);
      statuses.push((await browser.get(Paths.apiKeys)).status);
      statuses.push((await browser.call('post', Paths.apiKeys, { name: 'x', role: 'admin' })).status);
    }
    expect(statuses).toEqual([403, 403, 200, 201, 200, 201]);
  });

  test.each([
    ['/name', { name: '' }],
    ['/role', { name: 'x', role: 'owner' }],
    ['/expiresAt', { name: 'x', expiresAt: '2001-01-01T00:00:00Z' }],
    ['/expiresAt', { name: 'x', expiresAt: 'tomorrow' }],
  ])('cannot be created with an invalid %s, and the error has the path of the field', async (path, request) => {
    const { adminKey } = await context.api.organization();
    const answer = await context.api.http.post(Paths.apiKeys).auth(adminKey, bearer).send(request).expect(400);
    expect(answer.body).toMatchObject({ errors: [{ path }] });
  });
});
