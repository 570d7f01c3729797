import { describe, expect, test } from '@jest/globals';
import { Invitation, InvitationCreated, Paths, type Page } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { Browser } from './browser.js';
import { useApi } from './harness.js';
import { person, type TestPerson } from './users.js';

const DAY_MS = 86_400_000;
const newAccount = { name: 'Grace', password: 'a password of hers' };

describe.each(testEngines())('invitations on %s', (engine) => {
  const context = useApi(engine);

  async function withOwner() {
    const organization = await context.api.organization();
    return { organization, owner: await person(context.api, organization.id, 'owner') };
  }
  async function invite(owner: TestPerson, request: object): Promise<InvitationCreated & { token: string }> {
    const answer = await owner.browser.call('post', Paths.invitations, request);
    expect(answer.status).toBe(201);
    const created = InvitationCreated.parse(answer.body);
    return { ...created, token: created.url.replace(/^.*#token=/, '') };
  }
  const call = (path: string, body: object) => new Browser(context.api).call('post', path, body);
  const offer = (token: string) => call(Paths.invitationOffer, { token });
  const accept = (token: string) => call(Paths.invitationAcceptance, { token, ...newAccount });
  const pathOf = (id: string) => Paths.invitation.replace(':invitationId', id);

  test('show their details, and create a signed-in member when they are accepted', async () => {
    const { organization, owner } = await withOwner();
    const { url, token } = await invite(owner, { email: 'Grace@Example.org', role: 'admin' });
    expect(url).toBe(`http://127.0.0.1:3000/invitation#token=${token}`);
    const offered = await offer(token);
    expect(offered.body).toEqual({ email: 'grace@example.org', organization: organization.id, role: 'admin' });
    const browser = new Browser(context.api);
    const accepted = await browser.call('post', Paths.invitationAcceptance, { token, ...newAccount });
    expect(accepted.status).toBe(201);
    expect(accepted.body).toMatchObject({
      role: 'admin',
      user: { name: 'Grace', email: 'grace@example.org' },
      organization: { id: organization.id },
    });
    expect((await browser.get(Paths.session)).body).toEqual(accepted.body);
    const { items } = (await organization.get(Paths.audit)).body as { items: { action: string; target: string }[] };
    expect(items.map(({ action }) => action)).toEqual([
      'user.signed_in',
      'user.joined',
      'invitation.created',
      // The audit entries of the owner who created the invitation.
      'user.signed_in',
      'user.joined',
    ]);
    // The log identifies invitations, but never contains the tokens in their links.
    expect(JSON.stringify(items)).not.toContain(token);
  });

  test('can be accepted only once, even by two concurrent calls', async () => {
    const { owner } = await withOwner();
    const { token } = await invite(owner, { email: 'once@example.org', role: 'viewer' });
    const answers = await Promise.all([accept(token), accept(token)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 401]);
    expect((await offer(token)).status).toBe(401);
  });

  test('are valid for a week', async () => {
    const { owner } = await withOwner();
    const { token, id } = await invite(owner, { email: 'late@example.org', role: 'viewer' });
    context.api.clock.advance(7 * DAY_MS - 1);
    expect((await offer(token)).status).toBe(200);
    context.api.clock.advance(1);
    expect((await offer(token)).status).toBe(401);
    expect((await accept(token)).status).toBe(401);
    const { items } = (await owner.browser.get(Paths.invitations)).body as Page<Invitation>;
    expect(items.filter((item) => item.id === id)).toEqual([]);
  });

  test('are listed while they are open, newest first, and never with their links', async () => {
    const { owner, organization } = await withOwner();
    const ids = [];
    for (const email of ['a@example.org', 'b@example.org', 'c@example.org']) {
      ids.unshift((await invite(owner, { email, role: 'viewer' })).id);
    }
    await withOwner().then(async (other) => invite(other.owner, { email: 'a@example.org', role: 'owner' }));
    const admin = await person(context.api, organization.id, 'admin');
    const page = async (query: string) =>
      (await admin.browser.get(`${Paths.invitations}?${query}`)).body as Page<Invitation>;
    const first = await page('limit=2');
    const second = await page(`limit=2&cursor=${first.nextCursor}`);
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids);
    expect(second.nextCursor).toBeNull();
    for (const item of first.items) expect(Invitation.parse(item)).toEqual(item);
    expect(JSON.stringify(first)).not.toContain('muster_invite_');
    const viewer = await person(context.api, organization.id, 'viewer');
    expect((await viewer.browser.get(Paths.invitations)).status).toBe(403);
  });

  test('can be revoked by an owner of the organization', async () => {
    const [{ owner }, stranger] = [await withOwner(), await withOwner()];
    const { id, token } = await invite(owner, { email: 'back@example.org', role: 'viewer' });
    expect((await stranger.owner.browser.call('delete', pathOf(id))).status).toBe(404);
    expect((await offer(token)).status).toBe(200);
    expect((await owner.browser.call('delete', pathOf(id))).status).toBe(204);
    expect((await accept(token)).status).toBe(401);
    expect((await owner.browser.call('delete', pathOf(id))).status).toBe(404);
  });

  test('replace an earlier invitation for the same address', async () => {
    const { owner } = await withOwner();
    const first = await invite(owner, { email: 'twice@example.org', role: 'viewer' });
    const second = await invite(owner, { email: 'Twice@example.org', role: 'admin' });
    expect((await offer(first.token)).status).toBe(401);
    expect((await offer(second.token)).body).toMatchObject({ role: 'admin' });
  });

  test('are refused for people who are already members, and never create a second membership', async () => {
    const [{ owner, organization }, other] = [await withOwner(), await withOwner()];
    const member = await person(context.api, organization.id, 'viewer');
    const request = { email: member.email.toUpperCase(), role: 'admin' };
    expect((await owner.browser.call('post', Paths.invitations, request)).status).toBe(409);
    // The inviting owner does not learn that the address belongs to a member of another organization, but the holder of
    // the link does.
    const { token } = await invite(other.owner, request);
    expect((await accept(token)).status).toBe(409);
    expect((await member.browser.get(Paths.session)).body).toMatchObject({ organization: { id: organization.id } });
  });

  test('restore a removed member as the same person', async () => {
    const { owner, organization } = await withOwner();
    const { id, email } = await person(context.api, organization.id, 'viewer');
    await owner.browser.call('delete', Paths.member.replace(':userId', id));
    const { token } = await invite(owner, { email, role: 'admin' });
    const accepted = await accept(token);
    expect([accepted.status, accepted.body]).toMatchObject([201, { role: 'admin', user: { id, name: 'Grace' } }]);
  });

  test('can be created by owners only', async () => {
    const { organization } = await withOwner();
    for (const role of ['admin', 'viewer'] as const) {
      const { browser } = await person(context.api, organization.id, role);
      expect((await browser.call('post', Paths.invitations, { email: 'x@example.org', role })).status).toBe(403);
    }
  });
});
