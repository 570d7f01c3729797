import { describe, expect, test } from '@jest/globals';
import { testEngines } from '@muster/db/testing';
import { createDatabaseClock } from '../src/services/maintenance/database-clock.js';
import { useApi } from './harness.js';

describe.each(testEngines())("the database's clock on %s", (engine) => {
  const context = useApi(engine);

  test('equals the clock of this process, because both run on one machine', async () => {
    const clock = createDatabaseClock(context.api.db);
    await clock.start();
    await clock.synchronize();
    expect(Math.abs(clock.now().getTime() - Date.now())).toBeLessThan(5_000);
    expect(Math.abs(clock.skewMs())).toBeLessThan(5_000);
  });
});
