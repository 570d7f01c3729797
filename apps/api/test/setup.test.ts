import { describe, expect, test } from '@jest/globals';
import { Paths, Session } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { issueToken } from '../src/lib/tokens.js';
import { Browser } from './browser.js';
import { useApi } from './harness.js';
import { setupToken } from './users.js';

const ada = { name: 'Ada', email: 'Ada@Example.com', password: 'correct horse battery' };
const DAY_MS = 86_400_000;

describe.each(testEngines())('set-up on %s', (engine) => {
  const context = useApi(engine);
  const setUp = (body: object) => new Browser(context.api).call('post', Paths.setup, body);

  // These tests share one database and must run in this order.
  test('refuses a link that was never issued, and a link that is a week old', async () => {
    const { api } = context;
    const old = await setupToken(api);
    api.clock.advance(7 * DAY_MS);
    for (const token of [old, 'nonsense', issueToken('setup').token, issueToken('invite').token]) {
      const answer = await setUp({ token, ...ada });
      expect({ token, status: answer.status }).toEqual({ token, status: 401 });
    }
    expect(await api.db.prisma.user.count()).toBe(0);
  });

  test('refuses an invalid request with the names of its invalid fields', async () => {
    const token = await setupToken(context.api);
    const { status, body } = await setUp({ token, name: '', email: 'ada', password: 'short' });
    expect(status).toBe(400);
    const paths = (body as { errors: { path: string }[] }).errors.map(({ path }) => path);
    expect(paths.sort()).toEqual(['/email', '/name', '/password']);
  });

  test('creates exactly one owner, who is signed in, when two people use links of two processes at the same time', async () => {
    const { api } = context;
    const tokens = [await setupToken(api), await setupToken(api)];
    expect((await new Browser(api).get(Paths.signInOptions)).body).toEqual({ setupRequired: true, oidc: null });
    const browsers = tokens.map(() => new Browser(api));
    const answers = await Promise.all(
      browsers.map((browser, i) =>
        browser.call('post', Paths.setup, { ...ada, token: tokens[i], email: `Ada-${i}@Example.com` }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 401]);
    const winner = answers.findIndex(({ status }) => status === 201);
    const created = answers[winner]!;
    expect(Session.parse(created.body)).toEqual(created.body);
    expect(created.body).toMatchObject({
      role: 'owner',
      user: { name: 'Ada', email: `ada-${winner}@example.com` },
      apiKey: null,
      organization: { id: 'default' },
    });
    expect((await browsers[winner]!.get(Paths.session)).body).toEqual(created.body);
    expect(await api.db.prisma.user.count()).toBe(1);
    expect(await api.db.prisma.setupToken.count()).toBe(0);
    const options = await new Browser(api).get(Paths.signInOptions);
    expect(options.body).toEqual({ setupRequired: false, oidc: null });
  });

  test('issues no more links once a user exists', async () => {
    expect(await setupToken(context.api)).toBe('');
  });
});
