import type { Response } from 'supertest';
import type { TestApi } from './harness.js';

/** Headers that a browser sends from a page of the dashboard. */
const OWN_PAGE = { 'Sec-Fetch-Site': 'same-origin' };

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/** A browser on a page of the dashboard. It keeps cookies across calls and replicas. */
export class Browser {
  readonly #cookies = new Map<string, string>();

  constructor(readonly api: TestApi) {}

  /** Returns a browser that has the same cookies and sends its calls to another process. */
  through(api: TestApi): Browser {
    const other = new Browser(api);
    for (const [name, value] of this.#cookies) other.#cookies.set(name, value);
    return other;
  }

  get cookie(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /**
   * Makes a call and stores the cookies of the response. `headers` override the headers of a dashboard page.
   */
  async call(
    method: Method,
    path: string,
    body?: object,
    headers: Record<string, string> = OWN_PAGE,
  ): Promise<Response> {
    const request = this.api.http[method](path).set({ Cookie: this.cookie, ...headers });
    const answer = await (body === undefined ? request : request.send(body));
    for (const line of (answer.headers['set-cookie'] as unknown as string[] | undefined) ?? []) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '' || /max-age=0/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return answer;
  }

  get(path: string): Promise<Response> {
    return this.call('get', path);
  }
}
