import { expect, test } from '@jest/globals';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { createTestDatabase } from '../src/testing.js';

test('the embedded database does not keep the results of queries in memory', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const database = await createTestDatabase('pglite');
  const heapAfter = async (queries: number): Promise<number> => {
    for (let i = 0; i < queries; i++) await database.prisma.$queryRaw`SELECT repeat('x', 1048576)`;
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  try {
    const before = await heapAfter(3);
    // The results have a total size of 40 MiB.
    expect((await heapAfter(40)) - before).toBeLessThan(10 * 1024 * 1024);
  } finally {
    await database.close();
  }
});
