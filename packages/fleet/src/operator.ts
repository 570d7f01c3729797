import { setTimeout as sleep } from 'node:timers/promises';
import {
  createClient,
  NetworkError,
  ProblemError,
  UnexpectedResponseError,
  type Answer,
  type Client,
  type ClientOptions,
  type Input,
  type PagedOperationName,
} from '@muster/client';
import { Operations, PAGE_LIMIT_MAX, page, type Operation, type OperationName, type Page } from '@muster/contracts';
import { z } from 'zod';
import { isTransient } from './protocol/answers.js';
import { retryDelayMs } from './simulation/pace.js';

/** The API cannot be used. The message is for the person who started the program. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
}

/**
 * A client that checks responses against the contract and retries failed calls. It throws an ApiError after the last
 * attempt.
 */
export interface Operator {
  call: Client['call'];
  /** Returns the items of all pages, or of the first pages until `isEnough` returns true for the items so far. */
  all<Name extends PagedOperationName>(
    name: Name,
    input?: Input<Name>,
    isEnough?: (items: Items<Name>) => boolean,
  ): Promise<Items<Name>>;
}

type Items<Name extends PagedOperationName> = Answer<Name> extends { items: infer Each } ? Each : never;

interface OperatorOptions extends ClientOptions {
  onRetry?: () => void;
  /** Fails at the first failed call, and also checks containers against the contract. */
  isStrict?: boolean;
}

const ATTEMPTS_MAX = 6;

/**
 * Without `isStrict`, containers are not checked against the contract, because there are many of them, and the callers
 * compare each with the container that was sent.
 */
const UncheckedPage = page(z.unknown());

export function createOperator({ onRetry, isStrict = false, ...options }: OperatorOptions): Operator {
  const client = createClient(options) as { call(name: OperationName, input: object): Promise<unknown> };

  async function call(name: OperationName, input: object = {}): Promise<unknown> {
    const schema =
      name === 'listContainers' && !isStrict
        ? UncheckedPage
        : Object.values((Operations[name] as Operation).answers)[0];
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await client.call(name, input);
        if (!(schema instanceof z.ZodType) || schema.safeParse(answer).success) return answer;
        throw new Error('the response does not match the contract');
      } catch (error) {
        const { message } = error as Error;
        if (isStrict || attempt === ATTEMPTS_MAX || !canSucceedLater(error))
          throw new ApiError(`${name}: ${message}`, { cause: error });
        onRetry?.();
        const seconds = error instanceof ProblemError ? error.retryAfterSeconds : null;
        await sleep(retryDelayMs(attempt, seconds === null ? null : seconds * 1_000, Math.random()));
      }
    }
  }

  async function all(
    name: PagedOperationName,
    input: { query?: object } = {},
    isEnough: (items: readonly unknown[]) => boolean = () => false,
  ): Promise<unknown[]> {
    const items: unknown[] = [];
    let cursor: string | undefined;
    do {
      const answer = (await call(name, { query: { limit: PAGE_LIMIT_MAX, ...input.query, cursor } })) as Page<unknown>;
      items.push(...answer.items);
      cursor = answer.nextCursor ?? undefined;
    } while (cursor !== undefined && !isEnough(items));
    return items;
  }

  return { call, all } as Operator;
}

const canSucceedLater = (error: unknown): boolean =>
  error instanceof ProblemError || error instanceof UnexpectedResponseError
    ? isTransient(error.status)
    : error instanceof NetworkError;
