import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { EnrollmentTokenCreated, HostPage, Paths } from '@muster/contracts';

/** By what somebody signs in to the dashboard. */
export interface Account {
  email: string;
  password: string;
}

/** The demo's own calls of the API, with an admin key. */
export interface Operator {
  /** Makes the owner's account, by the link that the API's first start made, and gives what they sign in with. */
  setUp(link: string): Promise<Account>;
  createEnrollmentToken(maxUses: number): Promise<string>;
  /** Resolves when `count` hosts have reported; false when they had not after `timeoutMs`. */
  waitForHosts(count: number, timeoutMs: number, signal: AbortSignal): Promise<boolean>;
}

/** Calls of the API at `url`. */
export function createOperator(url: string, key: string): Operator {
  async function call(path: string, init: RequestInit = {}): Promise<unknown> {
    const response = await fetch(url + path, {
      ...init,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(30_000),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return response.json();
  }
  return {
    async setUp(link) {
      const account = { email: 'demo@example.com', password: randomBytes(9).toString('base64url') };
      const token = new URL(link).hash.replace('#token=', '');
      await call(Paths.setup, { method: 'POST', body: JSON.stringify({ token, name: 'Demo', ...account }) });
      return account;
    },
    async createEnrollmentToken(maxUses) {
      const body = JSON.stringify({ name: 'demo', maxUses });
      return EnrollmentTokenCreated.parse(await call(Paths.enrollmentTokens, { method: 'POST', body })).token;
    },
    async waitForHosts(count, timeoutMs, signal) {
      const until = performance.now() + timeoutMs;
      while (performance.now() < until) {
        const { items } = HostPage.parse(await call(Paths.hosts));
        if (items.filter(({ freshness }) => freshness === 'online').length >= count) return true;
        await sleep(250, undefined, { signal });
      }
      return false;
    },
  };
}
