import type { Database, Statement } from '@muster/db';
import { Gauge, type Registry } from 'prom-client';
import { createClock, type Clock, type ClockOptions } from '../../lib/clock.js';

/** If this machine's clock jumps, the time of an embedded database follows after this many milliseconds. */
const STEP_CONFIRMED_AFTER_MS = 60_000;

/** Milliseconds between two comparisons with the database's clock. */
export const CLOCK_INTERVAL_MS = 5_000;

const READ_CLOCK: Statement = {
  name: 'read_clock',
  isSmall: true,
  text: `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "epochMs"`,
};

/** Reads the clock of the database server, in milliseconds since 1970. */
async function readClock(db: Database): Promise<number> {
  const [row] = await db.query<{ epochMs: number }>(READ_CLOCK, []);
  if (row === undefined) throw new Error('The database returned no time.');
  return row.epochMs;
}

/**
 * Creates the clock for all stored timestamps and decisions. The clock shows the time of the database server, so that
 * all processes agree even if their own clocks differ. An embedded database has only this process's clock. In that
 * case, the time advances with the monotonic clock. A wall clock that is wrong for a moment therefore changes no
 * timestamps. A jump of the wall clock takes effect once it has lasted for a minute.
 */
export const createDatabaseClock = (db: Database, clocks: Pick<ClockOptions, 'wallMs' | 'elapsedMs'> = {}): Clock =>
  db.engine === 'pglite'
    ? createClock({
        ...clocks,
        readReferenceMs: clocks.wallMs ?? Date.now,
        stepConfirmedAfterMs: STEP_CONFIRMED_AFTER_MS,
      })
    : createClock({ ...clocks, readReferenceMs: () => readClock(db) });

/** Adds a gauge for the difference between this process's wall clock and the database's. */
export function addClockMetrics(registry: Registry, skewMs: () => number): void {
  new Gauge({
    name: 'muster_clock_skew_seconds',
    help: "Seconds by which this process's wall clock is ahead of the database's; negative if behind.",
    registers: [registry],
    collect() {
      this.set(skewMs() / 1000);
    },
  });
}
