import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, type Answer, type Client, type Input, type PagedOperationName } from '@muster/client';
import { Operations, PAGE_LIMIT_MAX, type Operation, type OperationName, type Page } from '@muster/contracts';
import type { Http } from '@muster/testkit/http';
import { z } from 'zod';
import { callApi } from './protocol/answers.js';
import { retryDelayMs } from './simulation/report-schedule.js';

/** The API cannot be used. The message is for the person who started the program. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
}

/** Calls operations with an API key. Checks responses against the contract. Throws ApiError after the last attempt. */
export interface Operator {
  call: Client['call'];
  /** Returns the items of all pages. */
  all<Name extends PagedOperationName>(name: Name, input?: Input<Name>): Promise<Items<Name>>;
}

type Items<Name extends PagedOperationName> = Answer<Name> extends { items: infer Each } ? Each : never;
type AnyInput = { query?: object; body?: unknown };

/** The default maximum number of attempts of a call. */
const ATTEMPTS_MAX = 6;

/** Creates an operator, which uses the connections of `http`. */
export function createOperator(
  http: Http,
  key: string,
  { onRetry, attemptsMax = ATTEMPTS_MAX }: { onRetry?: () => void; attemptsMax?: number } = {},
): Operator {
  const client = createClient({ url: '' }) as { urlOf(name: OperationName, input: AnyInput): string };

  async function call(name: OperationName, input: AnyInput = {}): Promise<unknown> {
    const { method, answers }: Operation = Operations[name];
    const [schema] = Object.values(answers);
    const body = input.body === undefined ? {} : { body: JSON.stringify(input.body) };
    const request = { method, path: client.urlOf(name, input), token: key, ...body };
    for (let attempt = 1; ; attempt++) {
      const answer = await callApi(http, z.unknown(), request);
      if (answer.kind === 'ok') {
        if (!(schema instanceof z.ZodType) || schema.safeParse(answer.data).success) return answer.data;
        throw new ApiError(`${name}: the response does not match the contract`);
      }
      if (answer.kind === 'refused' || attempt === attemptsMax) throw new ApiError(`${name}: ${answer.reason}`);
      onRetry?.();
      await sleep(retryDelayMs(attempt, answer.retryAfterMs, Math.random()));
    }
  }

  async function all(name: PagedOperationName, input: AnyInput = {}): Promise<unknown[]> {
    const items: unknown[] = [];
    let cursor: string | undefined;
    do {
      const answer = (await call(name, { query: { limit: PAGE_LIMIT_MAX, ...input.query, cursor } })) as Page<unknown>;
      items.push(...answer.items);
      cursor = answer.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return items;
  }

  return { call, all } as Operator;
}
