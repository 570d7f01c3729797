import { Prisma, type Database } from '@muster/db';

/**
 * Instants that are ahead of `now` by at most this many milliseconds are kept. If this statement is delayed, other
 * processes with correct clocks write such instants before it runs.
 */
const TOLERANCE_MS = 5_000;

/** Maximum number of hosts that one statement writes. */
const BATCH_ROWS = 1_000;

const COLUMNS = [
  'lastSeenAt',
  'confirmedAt',
  'streamHeardAt',
  'observedAt',
  'firstSnapshotAt',
  'cloneSuspectedAt',
] as const;
const quoted = (column: string) => Prisma.raw(`"${column}"`);

/**
 * If a host has an instant in the future, sets that instant to `now`, so that the host's silence counts from now. A
 * process with a wrong clock may have written such an instant. Also drops silences that seem to end in the future.
 * Reads all hosts and writes only the hosts with a future instant. Skips rows locked by other transactions, so it never
 * waits. Resolves with the number of hosts written.
 */
export async function lowerFutureInstants({ prisma }: Database, now: Date): Promise<number> {
  const limit = new Date(now.getTime() + TOLERANCE_MS);
  const isAhead = COLUMNS.map((column) => Prisma.sql`${quoted(column)} > ${limit}::timestamptz`);
  const assignments = COLUMNS.map(
    (column) =>
      Prisma.sql`${quoted(column)} = CASE WHEN hosts.${quoted(column)} > ${now}::timestamptz
        THEN ${now}::timestamptz ELSE hosts.${quoted(column)} END`,
  );
  let hostCount = 0;
  for (let batch = BATCH_ROWS; batch === BATCH_ROWS; hostCount += batch) {
    batch = await prisma.$executeRaw(Prisma.sql`
      WITH ahead AS (
        SELECT id FROM hosts
        WHERE "deletedAt" IS NULL AND (${Prisma.join(isAhead, ' OR ')} OR EXISTS (
          SELECT FROM jsonb_array_elements("supersededStreams") AS superseded
          WHERE (superseded ->> 'at')::timestamptz > ${limit}::timestamptz))
        ORDER BY id LIMIT ${BATCH_ROWS}::int FOR NO KEY UPDATE SKIP LOCKED
      )
      UPDATE hosts SET ${Prisma.join(assignments)}, "supersededStreams" = COALESCE((
          SELECT jsonb_agg(
            CASE WHEN (superseded ->> 'at')::timestamptz > ${now}::timestamptz
              THEN superseded || jsonb_build_object('at', ${now}::timestamptz) ELSE superseded END
            ORDER BY place)
          FROM jsonb_array_elements(hosts."supersededStreams") WITH ORDINALITY AS streams (superseded, place)
        ), '[]'), "endedSilences" = (
          SELECT jsonb_agg(silence ORDER BY place)
          FROM jsonb_array_elements(hosts."endedSilences") WITH ORDINALITY AS silences (silence, place)
          WHERE (silence ->> 'until')::timestamptz <= ${now}::timestamptz)
      FROM ahead WHERE hosts.id = ahead.id`);
  }
  return hostCount;
}
