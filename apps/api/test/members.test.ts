import { describe, expect, test } from '@jest/globals';
import { Member, Paths, type MemberRole, type Page } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { ForbiddenError } from '../src/errors.js';
import { lockOperator } from '../src/services/accounts/credentials.js';
import type { Browser } from './browser.js';
import { enrollRequest } from './fixtures.js';
import { useApi } from './harness.js';
import { PASSWORD, person } from './users.js';

describe.each(testEngines())('members on %s', (engine) => {
  const context = useApi(engine);

  async function withOwner() {
    const organization = await context.api.organization();
    const owner = await person(context.api, organization.id, 'owner');
    const join = (role: MemberRole) => person(context.api, organization.id, role);
    return { organization, owner, join };
  }
  const pathOf = (id: string) => Paths.member.replace(':userId', id);
  const change = (browser: Browser, id: string, role: string) => browser.call('patch', pathOf(id), { role });

  test('can be listed by every member, page by page in the order in which they joined', async () => {
    const { owner, join } = await withOwner();
    const others = [await join('admin'), await join('viewer')];
    await withOwner();
    const { browser } = others[1]!;
    const first = (await browser.get(`${Paths.members}?limit=2`)).body as Page<Member>;
    const second = (await browser.get(`${Paths.members}?limit=2&cursor=${first.nextCursor}`)).body as Page<Member>;
    expect(second.nextCursor).toBeNull();
    const members = [...first.items, ...second.items];
    expect(members.map(({ userId, role }) => [userId, role])).toEqual([
      [owner.id, 'owner'],
      [others[0]!.id, 'admin'],
      [others[1]!.id, 'viewer'],
    ]);
    for (const member of members) expect(Member.parse(member)).toEqual(member);
  });

  test('have their new role at their next call, in every process', async () => {
    const { owner, join } = await withOwner();
    const { browser, id } = await join('viewer');
    const make = () => browser.through(context.api.replica()).call('post', Paths.enrollmentTokens, { name: 'x' });
    expect((await make()).status).toBe(403);
    const changed = await change(owner.browser, id, 'admin');
    expect([changed.status, changed.body]).toMatchObject([200, { userId: id, role: 'admin' }]);
    expect((await make()).status).toBe(201);
    expect((await change(owner.browser, id, 'viewer')).status).toBe(200);
    expect((await make()).status).toBe(403);
  });

  test.each(['admin', 'viewer'] as const)('cannot be changed by a member with the role %s', async (role) => {
    const { owner, join } = await withOwner();
    const { browser, id } = await join(role);
    expect((await change(browser, id, 'owner')).status).toBe(403);
    expect((await browser.call('delete', pathOf(owner.id))).status).toBe(403);
  });

  test('cannot be changed with an API key', async () => {
    const { organization, owner } = await withOwner();
    const bearer = { type: 'bearer' } as const;
    await context.api.http.delete(pathOf(owner.id)).auth(organization.adminKey, bearer).expect(403);
  });

  test('of another organization are not found (404)', async () => {
    const [{ owner }, other] = [await withOwner(), await withOwner()];
    expect((await change(owner.browser, other.owner.id, 'viewer')).status).toBe(404);
    expect((await owner.browser.call('delete', pathOf(other.owner.id))).status).toBe(404);
    expect((await owner.browser.call('delete', pathOf('nonsense'))).status).toBe(404);
  });

  test('never lose their last owner, even if two owners demote or remove each other concurrently', async () => {
    const { owner, join } = await withOwner();
    for (const refused of [
      await change(owner.browser, owner.id, 'viewer'),
      await owner.browser.call('delete', pathOf(owner.id)),
    ]) {
      expect([refused.status, (refused.body as { type: string }).type]).toEqual([409, '/problems/conflict']);
    }
    const other = await join('owner');
    const answers = await Promise.all([
      change(owner.browser, other.id, 'admin'),
      other.browser.call('delete', pathOf(owner.id)),
    ]);
    const lost = answers.filter(({ status }) => status >= 400);
    expect(lost).toHaveLength(1);
    // The refused call tried to remove the last owner, or its caller had already lost the session or the role.
    expect([401, 403, 409]).toContain(lost[0]!.status);
    const owners = await context.api.db.prisma.member.count({
      where: { userId: { in: [owner.id, other.id] }, role: 'owner' },
    });
    expect(owners).toBe(1);
  });

  test('are immediately signed out everywhere when they are removed, and cannot sign in again', async () => {
    const { owner, join } = await withOwner();
    const { browser, id, email } = await join('admin');
    const replicaBrowser = browser.through(context.api.replica());
    expect((await replicaBrowser.get(Paths.hosts)).status).toBe(200);
    expect((await owner.browser.call('delete', pathOf(id))).status).toBe(204);
    expect((await replicaBrowser.get(Paths.hosts)).status).toBe(401);
    expect((await browser.call('post', Paths.session, { email, password: PASSWORD })).status).toBe(401);
    expect((await owner.browser.call('delete', pathOf(id))).status).toBe(404);
  });

  async function withCredentials() {
    const { organization, owner, join } = await withOwner();
    const { browser, id } = await join('owner');
    const bearer = { type: 'bearer' } as const;
    const admin = { name: 'x', role: 'admin' };
    const key = ((await browser.call('post', Paths.apiKeys, admin)).body as { key: string }).key;
    const makeBy = async (path: string, body: object) =>
      (await context.api.http.post(path).auth(key, bearer).send(body).expect(201)).body as {
        key: string;
        token: string;
      };
    const secondKey = (await makeBy(Paths.apiKeys, admin)).key;
    const viewerKey = (await makeBy(Paths.apiKeys, { name: 'v', role: 'viewer' })).key;
    const tokens = [
      ((await browser.call('post', Paths.enrollmentTokens, { name: 'x' })).body as { token: string }).token,
      (await makeBy(Paths.enrollmentTokens, { name: 'y' })).token,
    ];
    const { body } = await browser.call('post', Paths.invitations, { email: `${id}@example.org`, role: 'owner' });
    const link = (body as { url: string }).url.split('#token=')[1]!;
    const statuses = async () => {
      const { http } = context.api.replica();
      const read = async (token: string) => (await http.get(Paths.hosts).auth(token, bearer)).status;
      const enroll = async (token: string) =>
        (await http.post(Paths.agentEnroll).auth(token, bearer).send(enrollRequest())).status;
      return {
        keys: [await read(key), await read(secondKey), await read(viewerKey)],
        tokens: [await enroll(tokens[0]!), await enroll(tokens[1]!)],
        invitation: (await http.post(Paths.invitationOffer).send({ token: link })).status,
        ofOthers: await read(organization.adminKey),
      };
    };
    return { organization, owner, id, statuses };
  }

  test('lose all credentials they created when they are removed, including credentials created with their API keys', async () => {
    const { organization, owner, id, statuses } = await withCredentials();
    expect((await owner.browser.call('delete', pathOf(id))).status).toBe(204);
    expect(await statuses()).toEqual({ keys: [401, 401, 401], tokens: [401, 401], invitation: 401, ofOthers: 200 });
    const { items } = (await organization.get(`${Paths.audit}?limit=7`)).body as { items: { action: string }[] };
    expect(items.map(({ action }) => action)).toEqual([
      'member.removed',
      'enrollment_token.revoked',
      'enrollment_token.revoked',
      'api_key.revoked',
      'api_key.revoked',
      'api_key.revoked',
      'invitation.revoked',
    ]);
    expect(items[3]).toMatchObject({ actor: `user:${owner.id}`, details: { reason: 'member.removed' } });
  });

  test('leave their keys and enrollment tokens in place when they are removed with keepCredentials=true', async () => {
    const { owner, id, statuses } = await withCredentials();
    expect((await owner.browser.call('delete', `${pathOf(id)}?keepCredentials=maybe`)).status).toBe(400);
    expect((await owner.browser.call('delete', `${pathOf(id)}?keepCredentials=true`)).status).toBe(204);
    expect(await statuses()).toEqual({ keys: [200, 200, 200], tokens: [201, 201], invitation: 401, ofOthers: 200 });
  });

  test('lose admin keys and enrollment tokens, and keep read-only keys, when they become viewers', async () => {
    const { organization, owner, id, statuses } = await withCredentials();
    const demoted = await change(owner.browser, id, 'viewer');
    expect([demoted.status, demoted.body]).toMatchObject([200, { userId: id, role: 'viewer' }]);
    const { items } = (await organization.get(`${Paths.audit}?limit=5`)).body as { items: object[] };
    expect(await statuses()).toEqual({ keys: [401, 401, 200], tokens: [401, 401], invitation: 401, ofOthers: 200 });
    const details = { reason: 'member.role_changed' };
    expect(items).toMatchObject([
      { action: 'member.role_changed', details: { name: 'The owner', from: 'owner', to: 'viewer' } },
      { action: 'enrollment_token.revoked', details },
      { action: 'enrollment_token.revoked', details },
      { action: 'api_key.revoked', actor: `user:${owner.id}`, details: { ...details, role: 'admin' } },
      { action: 'api_key.revoked', actor: `user:${owner.id}`, details: { ...details, role: 'admin' } },
    ]);
  });

  test('keep the credentials that an admin may create when they become admins', async () => {
    const { owner, id, statuses } = await withCredentials();
    expect((await change(owner.browser, id, 'admin')).status).toBe(200);
    expect(await statuses()).toEqual({ keys: [200, 200, 200], tokens: [201, 201], invitation: 401, ofOthers: 200 });
  });

  test('keep their credentials when they become viewers with keepCredentials=true, which the audit log records', async () => {
    const { organization, owner, id, statuses } = await withCredentials();
    const demote = (keep: string) =>
      owner.browser.call('patch', `${pathOf(id)}?keepCredentials=${keep}`, { role: 'viewer' });
    expect((await demote('maybe')).status).toBe(400);
    expect((await demote('true')).status).toBe(200);
    const { items } = (await organization.get(`${Paths.audit}?limit=1`)).body as { items: object[] };
    expect(await statuses()).toEqual({ keys: [200, 200, 200], tokens: [201, 201], invitation: 401, ofOthers: 200 });
    expect(items).toMatchObject([{ details: { from: 'owner', to: 'viewer', keepCredentials: true } }]);
  });

  test('cannot become owner again through an invitation that they sent before they lost that role', async () => {
    const { organization, owner, join } = await withOwner();
    const { browser, id } = await join('owner');
    const invite = (by: Browser, email: string) => by.call('post', Paths.invitations, { email, role: 'owner' });
    const { body } = await invite(browser, `${id}@example.org`);
    expect((await invite(owner.browser, `other-${id}@example.org`)).status).toBe(201);
    expect((await change(owner.browser, id, 'admin')).status).toBe(200);
    const token = (body as { url: string }).url.split('#token=')[1]!;
    const acceptance = { token, name: 'Another name', password: PASSWORD };
    expect((await context.api.http.post(Paths.invitationAcceptance).send(acceptance)).status).toBe(401);
    const open = (await owner.browser.get(Paths.invitations)).body as { items: { email: string }[] };
    expect(open.items.map(({ email }) => email)).toEqual([`other-${id}@example.org`]);
    const { items } = (await organization.get(`${Paths.audit}?limit=2`)).body as { items: object[] };
    expect(items).toMatchObject([
      { action: 'member.role_changed', target: `user:${id}` },
      { action: 'invitation.revoked', actor: `user:${owner.id}`, details: { reason: 'member.role_changed' } },
    ]);
  });

  test('are refused if they lose their role between the authorization and the write of a call', async () => {
    const { organization, join } = await withOwner();
    const { id } = await join('owner');
    const { prisma } = context.api.db;
    const operator = { organizationId: organization.id, actor: `user:${id}`, role: 'owner' } as const;
    const lock = () => prisma.$transaction((tx) => lockOperator(tx, operator));
    expect(await lock()).toBeNull();
    await prisma.member.update({ where: { userId: id }, data: { role: 'viewer' } });
    await expect(lock()).rejects.toThrow(ForbiddenError);
  });

  test('appear by name in the audit entries about them', async () => {
    const { organization, owner, join } = await withOwner();
    const { id, email } = await join('viewer');
    await change(owner.browser, id, 'admin');
    await change(owner.browser, id, 'admin');
    await owner.browser.call('delete', pathOf(id));
    const { items } = (await organization.get(`${Paths.audit}?limit=2`)).body as { items: object[] };
    const common = { actor: `user:${owner.id}`, actorName: 'The owner', target: `user:${id}` };
    expect(items).toMatchObject([
      { ...common, action: 'member.removed', details: { name: 'The viewer', email, role: 'admin' } },
      { ...common, action: 'member.role_changed', details: { name: 'The viewer', from: 'viewer', to: 'admin' } },
    ]);
  });
});
