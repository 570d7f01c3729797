import './window';
import { NetworkError, ProblemError, UnexpectedResponseError } from '@muster/client';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { FieldError } from '@muster/contracts';
import { api, fieldError, formatError, isSignedOut, formError, serverNow } from '../src/lib/api/client';
import { createClient } from '../src/app/query-client';

const problem = (status: number, errors?: FieldError[]) =>
  new ProblemError(
    {
      type: 'about:blank',
      title: 't',
      status,
      detail: 'The request is not valid.',
      requestId: 'r',
      ...(errors && { errors }),
    },
    null,
  );

describe('the text of an error', () => {
  const fieldProblem = problem(400, [{ path: '/name', message: 'must be at most 200 characters' }]);

  test('is the API’s reason, or a sentence about the field with the error', () => {
    expect(formatError(problem(409))).toBe('The request is not valid.');
    expect(formatError(fieldProblem)).toBe('The request is not valid. Name must be at most 200 characters.');
  });

  test('states what to check if the server does not respond', () => {
    expect(formatError(new NetworkError('http://muster.test/api', new Error('refused')))).toMatch(
      /^Cannot reach the Muster server\. Check /,
    );
    expect(formatError(new UnexpectedResponseError(502, 'http://muster.test/api'))).toContain('502');
  });

  test('is shown either at its field or above the form, but never in both places', () => {
    expect(fieldError(fieldProblem, 'name')).toBe('Name must be at most 200 characters.');
    expect(fieldError(fieldProblem, 'email')).toBeUndefined();
    expect(fieldError(null, 'name')).toBeUndefined();
    expect(formError(fieldProblem)).toBeNull();
    const conflict = problem(409);
    expect(fieldError(conflict, 'name')).toBeUndefined();
    expect(formError(conflict)).toBe(conflict);
    expect(formError(problem(400, []))).not.toBeNull();
    expect(formError(null)).toBeNull();
  });
});

test('only a 401 response from the API means that the session has ended', () => {
  expect([401, 403, 500].map((status) => isSignedOut(problem(status)))).toEqual([true, false, false]);
  expect(isSignedOut(new UnexpectedResponseError(401, 'http://muster.test'))).toBe(false);
});

describe('the page’s time', () => {
  const realFetch = globalThis.fetch;
  afterEach(() => {
    globalThis.fetch = realFetch;
    jest.useRealTimers();
  });

  async function offsetAfterResponse(date: string | null): Promise<number> {
    const headers = { 'Content-Type': 'application/json', ...(date === null ? {} : { Date: date }) };
    globalThis.fetch = () => Promise.resolve(new Response('{}', { headers }));
    await api.call('getSummary');
    return serverNow() - Date.now();
  }

  test('is the server’s time if the clocks differ by more than the duration of a request', async () => {
    jest.useFakeTimers({ now: Date.parse('2026-11-25T12:00:00Z'), doNotFake: ['setImmediate', 'nextTick'] });
    expect(await offsetAfterResponse('Wed, 25 Nov 2026 13:00:00 GMT')).toBe(3_600_000);
    // A response without a valid time changes nothing.
    expect(await offsetAfterResponse('yesterday')).toBe(3_600_000);
    expect(await offsetAfterResponse(null)).toBe(3_600_000);
    expect(await offsetAfterResponse('Wed, 25 Nov 2026 12:00:01 GMT')).toBe(0);
    expect(await offsetAfterResponse('Wed, 25 Nov 2026 11:00:00 GMT')).toBe(-3_600_000);
    expect(await offsetAfterResponse('Wed, 25 Nov 2026 12:00:00 GMT')).toBe(0);
  });
});

describe('a failed query', () => {
  /** Runs a query that fails with `error`, without delays between attempts, and returns the number of attempts. */
  async function countAttempts(error: Error): Promise<number> {
    const client = createClient();
    let count = 0;
    const queryFn = () => {
      count += 1;
      return Promise.reject(error);
    };
    await client
      .query({ queryKey: ['x'], queryFn, retry: client.getDefaultOptions().queries!.retry!, retryDelay: 0 })
      .catch(() => undefined);
    client.clear();
    return count;
  }

  test('is retried twice, unless the API responded with a 4xx status', async () => {
    expect(await countAttempts(new NetworkError('http://muster.test', null))).toBe(3);
    expect(await countAttempts(problem(503))).toBe(3);
    expect(await countAttempts(problem(404))).toBe(1);
  });

  test('with a 401 response ends the session, but only if there was a session', async () => {
    const client = createClient();
    const runQuery = (error: Error) =>
      client.query({ queryKey: ['x'], queryFn: () => Promise.reject(error) }).catch(() => undefined);
    await runQuery(problem(401));
    expect(client.getQueryData(['session'])).toBeUndefined();
    client.setQueryData(['session'], { role: 'viewer' });
    await runQuery(problem(403));
    expect(client.getQueryData(['session'])).toEqual({ role: 'viewer' });
    await runQuery(problem(401));
    expect(client.getQueryData(['session'])).toBeNull();
    client.clear();
  });
});
