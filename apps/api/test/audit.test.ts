import { describe, expect, test } from '@jest/globals';
import { AuditEntry, Paths, type Page } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { useApi, type TestOrganization } from './harness.js';

describe.each(testEngines())('the audit log on %s', (engine) => {
  const context = useApi(engine);
  const bearer = { type: 'bearer' } as const;

  const page = async (organization: TestOrganization, query: string) =>
    (await organization.get(`${Paths.audit}?${query}`).expect(200)).body as Page<AuditEntry>;

  test('lists who did what in one organization, newest first and page by page', async () => {
    const { api } = context;
    const [organization, other] = [await api.organization(), await api.organization()];
    await other.enroll();
    const host = await organization.enroll({ name: 'before' });
    const path = `/api/hosts/${host.id}`;
    await api.http.patch(path).auth(organization.adminKey, bearer).send({ name: 'after' }).expect(200);
    await api.http.delete(path).auth(organization.adminKey, bearer).expect(204);

    const first = await page(organization, 'limit=2');
    const second = await page(organization, `limit=2&cursor=${first.nextCursor}`);
    expect(second.nextCursor).toBeNull();
    const entries = [...first.items, ...second.items];
    expect(entries.map(({ action }) => action)).toEqual([
      'host.deleted',
      'host.renamed',
      'host.enrolled',
      'enrollment_token.created',
    ]);
    expect(entries[0]).toMatchObject({ target: `host:${host.id}`, at: api.clock().toISOString() });
    expect(entries[0]!.actor).toMatch(/^api_key:/);
    expect(entries[2]!.actor).toMatch(/^enrollment_token:/);
    for (const entry of entries) expect(AuditEntry.parse(entry)).toEqual(entry);
  });

  test('cannot be read by viewers', async () => {
    const { id } = await context.api.organization();
    const viewer = await context.api.apiKey(id, 'viewer');
    const answer = await context.api.http.get(Paths.audit).auth(viewer, bearer).expect(403);
    expect(answer.body).toMatchObject({ type: '/problems/forbidden' });
  });

  test.each(['cursor=x', 'limit=0', 'who=me'])('refuses an invalid parameter: %s', async (query) => {
    const organization = await context.api.organization();
    await organization.get(`${Paths.audit}?${query}`).expect(400);
  });
});
