import type { Database, Statement } from '@muster/db';

const READ_CLOCK: Statement = {
  name: 'read_clock',
  isSmall: true,
  text: `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS "epochMs"`,
};

/** Reads the clock of the database server, in milliseconds since 1970. */
export async function readClock(db: Database): Promise<number> {
  const [row] = await db.query<{ epochMs: number }>(READ_CLOCK, []);
  if (row === undefined) throw new Error('The database returned no time.');
  return row.epochMs;
}
