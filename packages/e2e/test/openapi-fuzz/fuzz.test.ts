/**
 * Fuzzes the built API with calls that are generated from its OpenAPI document, both valid and nearly valid.
 * `MUSTER_TEST_FUZZ_CASES` sets the number of calls per engine, and `MUSTER_TEST_FUZZ_SEED` repeats a run; `pnpm
 * test:faults` makes 20,000 calls.
 */
import { expect, test } from '@jest/globals';
import { createEmptyServerDatabase, testEngines } from '@muster/db/testing';
import { withDisposables } from '@muster/testkit';
import { fuzzApi } from './fuzz-api.js';

const CASES = Number(process.env['MUSTER_TEST_FUZZ_CASES'] ?? 400);
const SEED = Number(process.env['MUSTER_TEST_FUZZ_SEED'] ?? Date.now() % 2 ** 31);

test.each(testEngines())(
  'the API on %s responds to every call as documented and accepts only documented input',
  (engine) =>
    withDisposables(async (use) => {
      const database = engine === 'pglite' ? null : use(await createEmptyServerDatabase(), (created) => created.drop());
      const { failures, statuses, refused } = await fuzzApi(database?.url ?? null, { cases: CASES, seed: SEED });
      process.stderr.write(`${engine}: ${CASES} calls with seed ${SEED}, ${refused} of them invalid by the document\n`);
      expect(failures).toEqual([]);
      // Many calls must succeed, and other calls must fail for many different reasons.
      expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 400, 401, 404]));
      expect(refused).toBeGreaterThan(CASES / 20);
    }),
  3_600_000,
);
