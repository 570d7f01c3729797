import { beforeAll, describe, expect, test } from '@jest/globals';
import { Paths, type MemberRole, type Session } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import type { Profile } from '@muster/testkit/identity-provider';
import { lockFirstOrganization } from '../src/services/accounts/add-member.js';
import { findOidcUser } from '../src/services/accounts/oidc-users.js';
import type { OidcOptions } from '../src/routes/accounts.js';
import { Browser } from './browser.js';
import { enrollRequest } from './fixtures.js';
import { useApi } from './harness.js';
import { INVITED_ONLY, newEmail, refusalPath, useProvider } from './oidc-visitors.js';
import { member, PASSWORD, person } from './users.js';

const ROLES = {
  roleClaim: 'groups',
  roleByGroup: new Map<string, MemberRole>([
    ['heads', 'owner'],
    ['ops-admins', 'admin'],
    ['everyone', 'viewer'],
    ['urn:corp:ops,night', 'admin'],
    ['caf\u00e9', 'admin'],
  ]),
};

describe.each(testEngines())('groups from an identity provider on %s', (engine) => {
  const context = useApi(engine);
  const oidc = useProvider(context);
  const { registerVisitor, signIn } = oidc;
  const api = (options: Partial<OidcOptions> = {}) => oidc.api({ ...ROLES, ...options });

  const roleIn = async (browser: Browser) => ((await browser.get(Paths.session)).body as Session).role;
  const storedRole = async (userId: string) =>
    (await context.api.db.prisma.member.findUnique({ where: { userId } }))?.role ?? null;

  async function newOrganization() {
    const organization = await context.api.organization();
    return { organization, owner: await person(context.api, organization.id, 'owner') };
  }

  /** Invites a person, who joins through the provider with these groups. */
  async function join(groups: string[], { organization, owner }: Awaited<ReturnType<typeof newOrganization>>) {
    const email = newEmail();
    await owner.browser.call('post', Paths.invitations, { email, role: 'viewer' });
    const profile: Profile = { name: 'Ada', email, email_verified: true };
    const subject = registerVisitor({ ...profile, groups });
    const browser = new Browser(api());
    expect(await signIn(browser)).toBe('/');
    const session = (await browser.get(Paths.session)).body as Session;
    expect(session.organization.id).toBe(organization.id);
    return {
      subject,
      email,
      browser,
      id: session.user!.id,
      /** Signs in with another browser after the groups have changed. */
      async signInAs(claims: Profile) {
        oidc.provider.people.set(subject, { ...profile, ...claims });
        oidc.provider.visitor = subject;
        const another = new Browser(api());
        return { location: await signIn(another), browser: another };
      },
    };
  }

  test('admit unknown people only after the first owner was created', async () => {
    registerVisitor({ email: newEmail(), email_verified: true, groups: ['heads'] });
    expect(await signIn(new Browser(api()))).toBe(refusalPath('unknown'));
    expect(oidc.log).toContain('there is no owner yet: use the setup link');
  });

  test('set the highest role that they grant at each sign-in, even for browsers that are already signed in', async () => {
    const { organization, owner } = await newOrganization();
    const ada = await join(['everyone'], { organization, owner });
    const roles: [string[], MemberRole][] = [
      [['everyone', 'ops-admins'], 'admin'],
      [['unknown', 'ops-admins', 'heads', 'everyone'], 'owner'],
      [['everyone'], 'viewer'],
    ];
    expect(await roleIn(ada.browser)).toBe('viewer');
    for (const [groups, role] of roles) {
      const { location, browser } = await ada.signInAs({ groups });
      expect([location, await roleIn(browser), await roleIn(ada.browser)]).toEqual(['/', role, role]);
    }
    const { items } = (await organization.get(Paths.audit)).body as { items: { action: string }[] };
    const change = { actor: 'system', target: `user:${ada.id}` };
    expect(items.filter(({ action }) => action === 'member.role_changed')).toMatchObject([
      { ...change, details: { from: 'owner', to: 'viewer', source: 'role claim' } },
      { ...change, details: { from: 'admin', to: 'owner', source: 'role claim' } },
      { ...change, details: { from: 'viewer', to: 'admin', source: 'role claim' } },
    ]);
  });

  test('take precedence over the role in an invitation, which stays open if no group matches', async () => {
    const { owner, organization } = await newOrganization();
    const email = newEmail();
    await owner.browser.call('post', Paths.invitations, { email, role: 'owner' });
    const subject = registerVisitor({ email, email_verified: true, groups: ['unknown'] });
    expect(await signIn(new Browser(api()))).toBe(refusalPath('role'));
    expect((await owner.browser.get(Paths.invitations)).body).toMatchObject({ items: [{ email }] });
    oidc.provider.people.set(subject, { email, email_verified: true, groups: ['everyone'] });
    const browser = new Browser(api());
    expect(await signIn(browser)).toBe('/');
    expect((await browser.get(Paths.session)).body).toMatchObject({
      role: 'viewer',
      organization: { id: organization.id },
    });
  });

  test('end all sessions when they no longer grant a role, and allow a sign-in when a group grants a role again', async () => {
    const known = await newOrganization();
    const ada = await join(['ops-admins'], known);
    const bob = await join(['ops-admins'], known);
    const { location, browser } = await ada.signInAs({ groups: ['unknown'] });
    expect(location).toBe(refusalPath('role-ended'));
    expect(oidc.log).toContain('no value of the claim that MUSTER_OIDC_ROLE_CLAIM names is in MUSTER_OIDC_ROLES');
    expect((await browser.get(Paths.hosts)).status).toBe(401);
    expect((await ada.browser.get(Paths.hosts)).status).toBe(401);
    expect((await bob.browser.get(Paths.hosts)).status).toBe(200);
    const { items } = (await known.organization.get(`${Paths.audit}?limit=1`)).body as { items: object[] };
    expect(items).toMatchObject([{ action: 'user.sign_in_failed', target: `user:${ada.id}` }]);

    const again = await ada.signInAs({ groups: ['ops-admins'] });
    expect([again.location, await roleIn(again.browser)]).toEqual(['/', 'admin']);
    // The claim may also be missing.
    expect((await ada.signInAs({})).location).toBe(refusalPath('role-ended'));
    expect(oidc.log).toContain('the provider did not send the claim');
  });

  /** Creates API keys, an enrollment token and an invitation as a signed-in owner. */
  async function createCredentials(browser: Browser) {
    const create = async (path: string, body: object) =>
      (await browser.call('post', path, body)).body as { key: string; token: string; url: string };
    const admin = await create(Paths.apiKeys, { name: 'x', role: 'admin' });
    const viewer = await create(Paths.apiKeys, { name: 'y', role: 'viewer' });
    const enrollment = await create(Paths.enrollmentTokens, { name: 'z' });
    const { url } = await create(Paths.invitations, { email: newEmail(), role: 'owner' });
    const { http } = context.api.replica();
    const read = async (key: string) => (await http.get(Paths.hosts).auth(key, { type: 'bearer' })).status;
    return {
      /** Sends requests with the admin key, viewer key, enrollment token and invitation, and returns their statuses. */
      async use() {
        const enroll = http.post(Paths.agentEnroll).auth(enrollment.token, { type: 'bearer' }).send(enrollRequest());
        const offer = http.post(Paths.invitationOffer).send({ token: url.split('#token=')[1]! });
        return [await read(admin.key), await read(viewer.key), (await enroll).status, (await offer).status];
      },
    };
  }

  test.each([
    ['everyone', '/', [401, 200, 401, 401]],
    ['unknown', refusalPath('role-ended'), [401, 401, 401, 401]],
  ])(
    'revoke the credentials that the role no longer allows when the groups of an owner become %s',
    async (group, where, statuses) => {
      const ada = await join(['heads'], await newOrganization());
      const credentials = await createCredentials(ada.browser);
      expect((await ada.signInAs({ groups: [group] })).location).toBe(where);
      expect(await credentials.use()).toEqual(statuses);
    },
  );

  test.each<[string, string, Profile]>([
    ['left out because there are too many', 'groups', { hasgroups: true }],
    ['invalid', 'role-ended', { groups: { heads: true } }],
    ['absent', 'role-ended', {}],
  ])(
    'end the sessions if they are %s, but revoke nothing until the provider sends groups',
    async (_how, why, claims) => {
      const known = await newOrganization();
      const ada = await join(['heads'], known);
      const credentials = await createCredentials(ada.browser);
      const bob = await join(['ops-admins'], known);
      for (const someone of [ada, bob]) {
        expect((await someone.signInAs(claims)).location).toBe(refusalPath(why));
        expect((await someone.browser.get(Paths.hosts)).status).toBe(401);
        expect(await storedRole(someone.id)).toBe('admin');
      }
      expect(await credentials.use()).toEqual([200, 200, 201, 200]);
      expect((await ada.signInAs({ groups: ['everyone'] })).location).toBe('/');
      expect(await credentials.use()).toEqual([401, 200, 401, 401]);
    },
  );

  test('never demote or refuse the only owner', async () => {
    const known = await newOrganization();
    const ada = await join(['heads'], known);
    await context.api.db.prisma.member.delete({ where: { userId: known.owner.id } });
    for (const groups of [['everyone'], ['unknown'], []]) {
      const { location, browser } = await ada.signInAs({ groups });
      expect([location, await roleIn(browser)]).toEqual(['/', 'owner']);
    }
    expect(oidc.log).toContain('"level":40');
    expect(oidc.log).toContain('the groups grant no access, but this is the only owner, who stays an owner');
  });

  test.each([
    ['lose all groups', []],
    ['become viewers', ['everyone']],
  ])(
    'leave one owner who can sign in if all owners %s, one after another or at the same time',
    async (_how, groups) => {
      const { db, clock } = context.api;
      const policy = { ...INVITED_ONLY, ...ROLES };
      for (const isConcurrent of [false, true]) {
        const known = await newOrganization();
        const owners = [];
        for (let i = 0; i < 3; i += 1) owners.push(await join(['heads'], known));
        await db.prisma.member.delete({ where: { userId: known.owner.id } });
        const again = ({ subject, email }: { subject: string; email: string }) =>
          findOidcUser(
            db,
            { issuer: oidc.provider.issuer, subject, name: 'Ada', email, isEmailVerified: true, groups },
            policy,
            clock(),
          );
        const decisions = [];
        if (isConcurrent) decisions.push(...(await Promise.all(owners.map(again))));
        else for (const owner of owners) decisions.push(await again(owner));
        const kept = decisions.filter((decision) => 'warning' in decision && decision.warning !== null);
        expect(kept).toHaveLength(1);
        const roles = await Promise.all(owners.map(({ id }) => storedRole(id)));
        expect(roles.sort()).toEqual(['owner', 'viewer', 'viewer']);
        expect(await storedRole(kept[0]!.userId!)).toBe('owner');
      }
    },
  );

  test.each(['heads', 'unknown'])('do not change the role of a person who has a password: %s', async (group) => {
    const { organization } = await newOrganization();
    const { email } = await member(context.api, organization.id, 'admin');
    const subject = registerVisitor({ email, email_verified: true, groups: [group] });
    for (let signIns = 0; signIns < 2; signIns += 1) {
      const browser = new Browser(api());
      expect([await signIn(browser), await roleIn(browser)]).toEqual(['/', 'admin']);
    }
    oidc.provider.people.set(subject, { email, email_verified: true });
    expect(await signIn(new Browser(api()))).toBe('/');
    const byPassword = await new Browser(context.api).call('post', Paths.session, { email, password: PASSWORD });
    expect(byPassword.status).toBe(201);
  });

  test('of another user with the email address of a member cannot end the access of that member', async () => {
    const ada = await join(['ops-admins'], await newOrganization());
    const subject = registerVisitor({ email: ada.email, email_verified: true, groups: ['unknown'] });
    expect(await signIn(new Browser(api()))).toBe(refusalPath('role'));
    expect(await roleIn(ada.browser)).toBe('admin');
    expect(await context.api.db.prisma.account.count({ where: { accountId: subject } })).toBe(0);
  });

  test.each(['ops-admins', 'heads'])(
    'of another user with the email address of a member cannot lower the role of that member: %s',
    async (group) => {
      const known = await newOrganization();
      const ada = await join([group], known);
      const role = group === 'heads' ? 'owner' : 'admin';
      // If this is the only owner, the other user must not sign in as this owner either.
      await context.api.db.prisma.member.delete({ where: { userId: known.owner.id } });
      const subject = registerVisitor({ email: ada.email, email_verified: true, groups: ['everyone'] });
      expect(await signIn(new Browser(api()))).toBe(refusalPath('role'));
      expect(oidc.log).toContain('the member with this address already signs in as another user of the provider');
      expect(await roleIn(ada.browser)).toBe(role);
      expect(await context.api.db.prisma.account.count({ where: { accountId: subject } })).toBe(0);
    },
  );

  test('are accepted from a member whose id at the provider has changed, if they grant the same role', async () => {
    const ada = await join(['ops-admins'], await newOrganization());
    registerVisitor({ email: ada.email, email_verified: true, groups: ['ops-admins'] });
    const browser = new Browser(api());
    expect(await signIn(browser)).toBe('/');
    expect((await browser.get(Paths.session)).body).toMatchObject({ role: 'admin', user: { id: ada.id } });
  });

  describe('of a person without an account', () => {
    beforeAll(async () => {
      const { db, clock } = context.api;
      await db.prisma.$transaction((tx) => lockFirstOrganization(tx, clock()));
      await member(context.api, 'default', 'owner');
    });

    /** Signs a new person in, and returns the role or the refusal. */
    async function roleFor(claims: Profile, options: Partial<OidcOptions> = {}): Promise<string> {
      registerVisitor({ email: newEmail(), email_verified: true, ...claims });
      const browser = new Browser(api(options));
      const location = await signIn(browser);
      return location === '/' ? roleIn(browser) : location;
    }

    test('make the person a member with the role that they grant, without an invitation', async () => {
      expect(await roleFor({ groups: ['ops-admins'] })).toBe('admin');
      const users = await context.api.db.prisma.user.count();
      expect(await roleFor({ groups: ['unknown'] })).toBe(refusalPath('role'));
      expect(await context.api.db.prisma.user.count()).toBe(users);
    });

    test.each<[string, Profile, Partial<OidcOptions>?]>([
      ['a text', { groups: 'ops-admins' }],
      ['a list with values that are not text', { groups: [7, null, { name: 'heads' }, 'ops-admins'] }],
      ['a list of 300 groups', { groups: [...Array.from({ length: 299 }, (_, n) => `group-${n}`), 'ops-admins'] }],
      ['a name with colons and a comma', { groups: ['urn:corp:ops,night'] }],
      ['the ID token', { groups: ['heads'], idToken: { groups: ['ops-admins'] } }],
      ['a nested claim', { realm_access: { roles: ['ops-admins'] } }, { roleClaim: 'realm_access.roles' }],
      [
        'a claim nested in one whose name has dots',
        { realm_access: { 'my.app': { roles: ['ops-admins'] } } },
        { roleClaim: 'realm_access.my.app.roles' },
      ],
      [
        'a claim whose name is a URL',
        { 'https://example.org/roles': ['ops-admins'] },
        { roleClaim: 'https://example.org/roles' },
      ],
    ])('are read from %s', async (_form, claims, options = {}) => {
      expect(await roleFor(claims, options)).toBe('admin');
    });

    test.each<[string, Profile, Partial<OidcOptions>?]>([
      ['in other letters', { groups: ['OPS-ADMINS', 'Ops-Admins'] }],
      ['with spaces', { groups: [' ops-admins', 'ops-admins '] }],
      ['in another Unicode form', { groups: ['cafe\u0301'] }],
      ['as a part of a text', { groups: 'everyone,ops-admins' }],
      ['as a part of a name', { groups: ['everyone ops-admins', 'everyone:viewer', 'ops'] }],
      ['as a property', { groups: { 'ops-admins': true } }],
      ['as a list in a list', { groups: [['ops-admins']] }],
      ['as properties of all objects', { groups: ['constructor', '__proto__', 'toString', ''] }],
      ['as a list element', { groups: ['ops-admins'] }, { roleClaim: 'groups.0' }],
      ['as an inherited property', {}, { roleClaim: 'constructor.name' }],
    ])('do not match %s', async (_form, claims, options = {}) => {
      expect(await roleFor(claims, options)).toBe(refusalPath('role'));
    });

    const sources = { _claim_sources: { src1: { endpoint: 'https://graph.example.com/getMemberObjects' } } };
    test.each<[string, Profile]>([
      ['sends another URL for the groups', { idToken: { _claim_names: { groups: 'src1' }, ...sources } }],
      ['sends another URL for the groups at UserInfo', { _claim_names: { groups: 'src1' }, ...sources }],
      ['sends hasgroups', { hasgroups: true }],
    ])('cause the refusal for too many groups if the provider %s', async (_how, claims) => {
      expect(await roleFor(claims)).toBe(refusalPath('groups'));
      expect(oidc.log).toContain('because it has too many values: let the provider send only the groups assigned');
      const ada = await join(['ops-admins'], await newOrganization());
      expect((await ada.signInAs(claims)).location).toBe(refusalPath('groups'));
      expect((await ada.browser.get(Paths.hosts)).status).toBe(401);
    });
  });

  test('are requested with a scope only if the provider has a scope with the name of the claim', async () => {
    const scopeOf = async (options: Partial<OidcOptions>) =>
      new URL(await oidc.begin(new Browser(api(options)))).searchParams.get('scope');
    expect(await scopeOf({ roleClaim: 'groups' })).toBe('openid email profile groups');
    expect(await scopeOf({ roleClaim: 'realm_access.roles' })).toBe('openid email profile');
    expect(await scopeOf({ roleClaim: null, roleByGroup: null })).toBe('openid email profile');
  });
});
