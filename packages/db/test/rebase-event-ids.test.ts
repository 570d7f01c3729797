/** Tests events that another cluster wrote. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { openDatabase } from '../src/open-database.js';
import { createTestDatabase, PATIENT, serverOnly, type TestDatabase } from '../src/testing.js';
import { recordEvents } from './every-table.js';
import { createHost } from './fixtures.js';

// An embedded database contains events of another cluster only after a restore: see backup.test.ts.
serverOnly(describe)('history in a server database', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase('postgresql');
    await createHost(database);
  });
  afterEach(() => database.close());

  const history = () =>
    database.prisma.containerEvent.findMany({
      orderBy: [{ tx: 'asc' }, { id: 'asc' }],
      select: { name: true, tx: true, id: true },
    });
  const start = async (): Promise<void> => (await openDatabase({ url: database.url! }, PATIENT)).close();

  test('from another cluster keeps its order and precedes this cluster’s events after a start', async () => {
    await recordEvents(database, [
      { name: 'third', tx: 9_000_000_000n, id: 5n },
      { name: 'first', tx: 2n, id: 7n },
      { name: 'second', tx: 8_000_000_000n, id: 6n },
    ]);
    await database.prisma.$executeRaw`
      INSERT INTO host_events (tx, id, "hostId", "organizationId", kind, at, "recordedAt")
      SELECT 7000000000, 1, id, "organizationId", 'host_left', now(), now() FROM hosts`;
    await Promise.all([start(), start(), start()]);
    await recordEvents(database, [{ name: 'next' }]);
    const events = await history();
    expect(events.map(({ name }) => name)).toEqual(['first', 'second', 'third', 'next']);
    expect(events.slice(0, 3).map(({ tx }) => tx)).toEqual([2n, 2n, 2n]);
    // The event of the host stays between the first and the second event of a container.
    const [hostEvent] = await database.prisma.hostEvent.findMany();
    expect(hostEvent!.tx).toBe(2n);
    expect([events[0]!.id, hostEvent!.id, events[1]!.id]).toEqual(
      [events[0]!.id, hostEvent!.id, events[1]!.id].sort((a, b) => Number(a - b)),
    );
    expect(new Set([...events, hostEvent!].map(({ id }) => id)).size).toBe(5);
    await start();
    expect(await history()).toEqual(events);
  });

  test('from this cluster stays unchanged', async () => {
    await recordEvents(database, [{ name: 'a' }, { name: 'b' }]);
    const before = await history();
    await start();
    expect(await history()).toEqual(before);
  });
});
