import { describe, expect, test } from '@jest/globals';
import { Paths, Session } from '@muster/contracts';
import { testEngines } from '@muster/db/testing';
import { createSetupTokens } from '../src/services/accounts/setup-tokens.js';
import { Browser } from './browser.js';
import { useApi, type TestApi } from './harness.js';

const ada = { name: 'Ada', email: 'Ada@Example.com', password: 'correct horse battery' };

async function setupToken({ db, clock }: TestApi): Promise<string> {
  let token = '';
  await createSetupTokens(db, { now: clock }).issue((issued) => {
    token = issued;
    return Promise.resolve();
  });
  return token;
}

describe.each(testEngines())('a person on %s', (engine) => {
  const context = useApi(engine);

  test('sets up, reads with the cookie alone, signs out, is nobody, and signs in again', async () => {
    const { api } = context;
    const browser = new Browser(api);
    expect((await browser.get(Paths.signInOptions)).body).toEqual({ setupRequired: true, oidc: null });
    const made = await browser.call('post', Paths.setup, { token: await setupToken(api), ...ada });
    expect(made.status).toBe(201);
    expect(Session.parse(made.body)).toEqual(made.body);
    expect(made.body).toMatchObject({ role: 'owner', user: { name: 'Ada', email: 'ada@example.com' }, apiKey: null });
    expect((await browser.get(Paths.session)).body).toEqual(made.body);
    expect((await browser.get(Paths.hosts)).status).toBe(200);
    expect((await browser.call('delete', Paths.session)).status).toBe(204);
    expect(browser.cookie).toBe('');
    expect((await browser.get(Paths.hosts)).status).toBe(401);
    expect((await browser.call('post', Paths.session, ada)).status).toBe(201);
    expect((await browser.get(Paths.hosts)).status).toBe(200);
  });
});
