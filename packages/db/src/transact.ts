/** Transactions that are done again when they were rolled back for the sake of another one. */
import { isLockTimeout, isSerializationFailure } from './classify-error.js';
import type { Database } from './database.js';
import type { Prisma } from './generated/prisma/client.js';

const ATTEMPTS_MAX = 5;

/** Milliseconds before the second attempt at most; each later one may wait for twice as long. */
const FIRST_DELAY_MS_MAX = 20;

/**
 * Milliseconds that a transaction holds its connection while another one holds a row that it wants. Then it is rolled back
 * and done again after a pause without a connection, for so many milliseconds in all.
 */
const LOCK_TIMEOUT_MS = 100;
const LOCK_PAUSE_MS_MAX = 200;
const LOCK_WAIT_MS_MAX = 2_500;

export interface TransactOptions {
  /** Milliseconds that each attempt may wait for a connection, and take. */
  maxWait?: number;
  timeout?: number;
  /** 0 to 1, as Math.random: spreads attempts, so that those who met do not meet again. */
  random?: () => number;
}

/**
 * Runs `action` in a transaction, and again where the database rolled it back: for a deadlock or a serialization failure up
 * to five times in all; where another transaction held a row that it wanted, for 2.5 seconds, of which it holds no
 * connection for most. So `action` must have no effect but what it writes by `tx`.
 *
 * @throws what `action` throws, and the last attempt's error.
 */
export async function transact<T>(
  { prisma, engine }: Pick<Database, 'prisma' | 'engine'>,
  action: (tx: Prisma.TransactionClient) => Promise<T>,
  { random = Math.random, ...options }: TransactOptions = {},
): Promise<T> {
  const startedAt = performance.now();
  let attempts = 0;
  for (;;) {
    try {
      return await prisma.$transaction(async (tx) => {
        // The embedded database has one connection, so that nobody can hold a row.
        if (engine === 'postgresql') await tx.$executeRawUnsafe(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
        return action(tx);
      }, options);
    } catch (error) {
      if (isLockTimeout(error) && performance.now() - startedAt < LOCK_WAIT_MS_MAX) {
        await pause(random() * LOCK_PAUSE_MS_MAX);
        continue;
      }
      attempts += 1;
      if (attempts === ATTEMPTS_MAX || !isSerializationFailure(error)) throw error;
    }
    await pause(random() * FIRST_DELAY_MS_MAX * 2 ** (attempts - 1));
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
