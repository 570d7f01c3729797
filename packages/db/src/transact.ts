/** Transactions that are repeated after a rollback caused by another transaction. */
import { isLockTimeout, isSerializationFailure } from './classify-error.js';
import type { Database } from './database.js';
import type { Prisma } from './generated/prisma/client.js';

const ATTEMPTS_MAX = 5;

/** Maximum milliseconds before the second attempt. The maximum doubles with each further attempt. */
const FIRST_DELAY_MS_MAX = 20;

/**
 * Maximum milliseconds that a transaction waits for another transaction's row lock. After that, the waiting transaction
 * is rolled back and its connection is released. The transaction is repeated after a pause.
 */
const LOCK_TIMEOUT_MS = 100;

/** Maximum milliseconds of the pause after a lock timeout. */
const LOCK_PAUSE_MS_MAX = 200;

export interface TransactOptions {
  /** Maximum milliseconds that each attempt waits for a connection. */
  maxWait?: number;
  /** Maximum milliseconds that each attempt runs. */
  timeout?: number;
  /**
   * Returns a number from 0 to 1, like Math.random. The pauses between attempts are random, so that transactions do not
   * collide repeatedly.
   */
  random?: () => number;
}

/**
 * Runs `action` in a transaction, and repeats the transaction if the database rolled it back. After a deadlock or
 * serialization failure, makes up to five attempts. If another transaction holds a row lock, retries for
 * `lockWaitMsMax`, and occupies a connection only for a small part of that time. Because `action` may run several
 * times, it must have no effects other than its writes through `tx`.
 *
 * @throws any error of `action`, and the last attempt's error.
 */
export async function transact<T>(
  { prisma, engine, lockWaitMsMax }: Pick<Database, 'prisma' | 'engine' | 'lockWaitMsMax'>,
  action: (tx: Prisma.TransactionClient) => Promise<T>,
  { random = Math.random, ...options }: TransactOptions = {},
): Promise<T> {
  const startedAt = performance.now();
  let attempts = 0;
  for (;;) {
    try {
      return await prisma.$transaction(async (tx) => {
        // The embedded database has a single connection, so no other transaction can hold a lock.
        if (engine === 'postgresql') await tx.$executeRawUnsafe(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
        return action(tx);
      }, options);
    } catch (error) {
      if (isLockTimeout(error) && performance.now() - startedAt < lockWaitMsMax) {
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
