/** Transactions that are done again when they were rolled back for the sake of another one. */
import { isSerializationFailure } from './classify-error.js';
import type { Database } from './database.js';
import type { Prisma } from './generated/prisma/client.js';

const ATTEMPTS_MAX = 5;

/** Milliseconds before the second attempt at most; each later one may wait for twice as long. */
const FIRST_DELAY_MS_MAX = 20;

export interface TransactOptions {
  /** Milliseconds that each attempt may wait for a connection, and take. */
  maxWait?: number;
  timeout?: number;
  /** 0 to 1, as Math.random: spreads attempts, so that those who met do not meet again. */
  random?: () => number;
}

/**
 * Runs `action` in a transaction, and again, up to five times in all, where the database rolled it back for a deadlock
 * or a serialization failure. So `action` must have no effect but what it writes by `tx`.
 *
 * @throws what `action` throws, and the last attempt's error.
 */
export async function transact<T>(
  { prisma }: Pick<Database, 'prisma'>,
  action: (tx: Prisma.TransactionClient) => Promise<T>,
  { random = Math.random, ...options }: TransactOptions = {},
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await prisma.$transaction(action, options);
    } catch (error) {
      if (attempt === ATTEMPTS_MAX || !isSerializationFailure(error)) throw error;
    }
    const delayMs = random() * FIRST_DELAY_MS_MAX * 2 ** (attempt - 1);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
}
