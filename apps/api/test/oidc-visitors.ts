import { afterAll, beforeAll, beforeEach, expect } from '@jest/globals';
import { Paths, type MemberRole } from '@muster/contracts';
import { startIdentityProvider, type IdentityProvider, type Profile } from '@muster/testkit/identity-provider';
import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { createApp } from '../src/app.js';
import type { OidcOptions } from '../src/routes/accounts.js';
import type { OidcPolicy } from '../src/services/accounts/index.js';
import type { Browser } from './browser.js';
import { TestApi, type useApi } from './harness.js';
import { person } from './users.js';

const PUBLIC_URL = 'http://127.0.0.1:3000';
export const CALLBACK_URL = PUBLIC_URL + Paths.oidcCallback;
const SECRET = 'one secret for all the processes of this test';

/** Opens a URL of the provider without cookies, follows its redirects, and returns the first URL of another server. */
export async function visit({ issuer }: IdentityProvider, startUrl: string): Promise<string> {
  const cookies = new Map<string, string>();
  let url = startUrl;
  for (let steps = 0; url.startsWith(issuer); steps += 1) {
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    const location = response.headers.get('location');
    if (location === null || steps > 10) throw new Error(`${url}: ${response.status} ${await response.text()}`);
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    url = new URL(location, url).href;
  }
  return url;
}

/** A policy by which only members and invited people may sign in, with an address that the provider has verified. */
export const INVITED_ONLY: OidcPolicy = {
  autoProvisionRole: null,
  trustEmail: false,
  domains: null,
  roleByGroup: null,
};

/** The path of the sign-in page with the reason of a refusal. */
export const refusalPath = (why: string, next = '/'): string =>
  `/sign-in?${new URLSearchParams({ why: `oidc-${why}`, next }).toString()}`;

export const newEmail = (): string => `${randomUUID()}@example.org`;

/** Starts a provider for the tests of one file, and returns the steps of a sign-in with this provider. */
export function useProvider(context: ReturnType<typeof useApi>, hasUserInfo = true) {
  let provider: IdentityProvider;
  let log = '';
  beforeAll(async () => {
    provider = await startIdentityProvider(0, hasUserInfo);
    provider.register(CALLBACK_URL);
  });
  afterAll(() => provider.close());
  beforeEach(() => {
    log = '';
  });

  /** Creates a process that uses this provider. */
  const api = (
    options: Partial<OidcOptions> = {},
    appOptions: Partial<Parameters<typeof createApp>[0]> = {},
  ): TestApi => {
    const { db, clock } = context.api;
    const write = (chunk: Buffer, _encoding: string, done: () => void) => {
      log += chunk.toString();
      done();
    };
    const logger = pino({ level: 'debug' }, new Writable({ write }));
    const { issuer, client } = provider;
    const oidc: OidcOptions = {
      ...{ issuer, ...client, name: 'Example', roleClaim: null },
      ...{ ...INVITED_ONLY, ...options },
    };
    const app = createApp({ db, now: clock, publicUrl: PUBLIC_URL, secret: SECRET, logger, oidc, ...appOptions });
    return new TestApi(db, app, clock);
  };

  const begin = async (browser: Browser, next?: string): Promise<string> => {
    const query = next === undefined ? '' : `?${new URLSearchParams({ next }).toString()}`;
    const answer = await browser.get(Paths.oidcSignIn + query);
    expect(answer.status).toBe(303);
    return answer.headers['location']!;
  };
  /** Follows the provider's redirect to the callback URL, and returns the location to which the API then redirects. */
  const end = async (browser: Browser, callback: string): Promise<string> => {
    const answer = await browser.get(callback.slice(PUBLIC_URL.length));
    expect(answer.status).toBe(303);
    return answer.headers['location']!;
  };

  return {
    get provider() {
      return provider;
    },
    get log() {
      return log;
    },
    api,
    /** Registers a person with the provider. The next browser that visits the provider is signed in as this person. */
    registerVisitor: (profile: Profile): string => {
      const id = randomUUID();
      provider.people.set(id, profile);
      provider.visitor = id;
      return id;
    },
    begin,
    end,
    signIn: async (browser: Browser, next?: string): Promise<string> =>
      end(browser, await visit(provider, await begin(browser, next))),
    invite: async (email: string, role: MemberRole) => {
      const organization = await context.api.organization();
      const owner = await person(context.api, organization.id, 'owner');
      await owner.browser.call('post', Paths.invitations, { email, role });
      return { organization, owner };
    },
  };
}
