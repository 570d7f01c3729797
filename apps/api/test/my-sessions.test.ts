import { describe, expect, test } from '@jest/globals';
import { Paths, type SessionItem } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { Browser } from './browser.js';
import { useApi } from './harness.js';
import { PASSWORD, person } from './users.js';

describe.each(testEngines())("a person's own sessions on %s", (engine) => {
  const context = useApi(engine);
  const newPerson = async () => person(context.api, (await context.api.organization()).id, 'viewer');

  const itemsOf = async (browser: Browser): Promise<SessionItem[]> => {
    const { status, body } = await browser.get(Paths.sessions);
    expect(status).toBe(200);
    return (body as { items: SessionItem[] }).items;
  };
  const pathOf = (id: string) => Paths.sessionItem.replace(':sessionId', id);
  const statusesOf = async (browsers: Browser[]) => {
    const statuses = [];
    for (const browser of browsers) statuses.push((await browser.get(Paths.hosts)).status);
    return statuses;
  };

  test('are listed with their IP addresses and a mark on the current session, without expired sessions', async () => {
    const ada = await newPerson();
    const other = await ada.signIn();
    await (await newPerson()).signIn();
    const past = await ada.signIn();
    const [latest] = await itemsOf(past);
    await context.api.db.prisma.session.update({ where: { id: latest!.id }, data: { expiresAt: new Date(0) } });
    const items = await itemsOf(other);
    expect(items.map(({ current }) => current)).toEqual([true, false]);
    for (const item of items) expect(item).toMatchObject({ address: '127.0.0.1' });
  });

  test('can be ended one by one, even through another process, but not by another person', async () => {
    const ada = await newPerson();
    const other = await ada.signIn();
    const otherSession = (await itemsOf(ada.browser)).find(({ current }) => !current)!;
    const stranger = await newPerson();
    expect((await stranger.browser.call('delete', pathOf(otherSession.id))).status).toBe(404);
    expect(await statusesOf([other])).toEqual([200]);
    const replica = context.api.replica();
    expect((await ada.browser.through(replica).call('delete', pathOf(otherSession.id))).status).toBe(204);
    expect(await statusesOf([ada.browser, other])).toEqual([200, 401]);
    expect((await ada.browser.call('delete', pathOf(otherSession.id))).status).toBe(404);
    expect((await ada.browser.call('delete', pathOf('nonsense'))).status).toBe(404);
  });

  test('can all be ended together, including the current session, in every process', async () => {
    const ada = await newPerson();
    const browsers = [ada.browser, await ada.signIn(), await ada.signIn()];
    const stranger = await newPerson();
    const replicaBrowser = ada.browser.through(context.api.replica());
    expect((await ada.browser.call('delete', Paths.sessions)).status).toBe(204);
    expect(ada.browser.cookie).toBe('');
    expect(await statusesOf([...browsers, replicaBrowser, stranger.browser])).toEqual([401, 401, 401, 401, 200]);
  });

  test('cannot be started with the old password by a sign-in that overlaps the password change', async () => {
    const ada = await newPerson();
    const change = ada.browser.call('put', Paths.password, {
      currentPassword: PASSWORD,
      newPassword: 'a quite different one',
    });
    const started: Promise<Browser | null>[] = [];
    for (let i = 0; i < 10; i += 1) {
      // The API is allowed to refuse the sign-in.
      started.push(ada.signIn().catch(() => null));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect((await change).status).toBe(204);
    const others = (await Promise.all(started)).filter((browser) => browser !== null);
    expect(await statusesOf([ada.browser, ...others])).toEqual([200, ...others.map(() => 401)]);
  });

  test('end when the password is changed, except for the session that makes the change', async () => {
    const ada = await newPerson();
    const other = await ada.signIn();
    const newPassword = 'a quite different one';
    const change = (body: object) => ada.browser.call('put', Paths.password, body);

    const wrong = await change({ currentPassword: 'not this one', newPassword });
    expect(wrong.status).toBe(400);
    expect(wrong.body).toMatchObject({ errors: [{ path: '/currentPassword', message: 'is wrong' }] });
    const short = await change({ currentPassword: PASSWORD, newPassword: 'short' });
    expect(short.body).toMatchObject({ status: 400, errors: [{ path: '/newPassword' }] });
    expect(await statusesOf([ada.browser, other])).toEqual([200, 200]);

    expect((await change({ currentPassword: PASSWORD, newPassword })).status).toBe(204);
    expect(await statusesOf([ada.browser, other])).toEqual([200, 401]);
    const signIn = (password: string) =>
      new Browser(context.api).call('post', Paths.session, { email: ada.email, password });
    expect((await signIn(PASSWORD)).status).toBe(401);
    expect((await signIn(newPassword)).status).toBe(201);
  });

  test('cannot be listed or ended with an API key', async () => {
    const { adminKey } = await context.api.organization();
    await context.api.http.get(Paths.sessions).auth(adminKey, { type: 'bearer' }).expect(403);
    await context.api.http.get(Paths.sessions).auth('muster_key_x', { type: 'bearer' }).expect(401);
    await context.api.http.delete(Paths.session).auth(adminKey, { type: 'bearer' }).expect(403);
  });
});
