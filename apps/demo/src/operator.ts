import { setTimeout as sleep } from 'node:timers/promises';
import { EnrollmentTokenCreated, Host, Paths, page } from '@muster/contracts';

/** The demo's own calls of the API, with an admin key. */
export interface Operator {
  createEnrollmentToken(maxUses: number): Promise<string>;
  /** Resolves when `count` hosts have reported; false when they had not after `timeoutMs`. */
  waitForHosts(count: number, timeoutMs: number, signal: AbortSignal): Promise<boolean>;
}

const HostPage = page(Host);

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
