import type { Database } from '@muster/db';

/** Reads the distinct heartbeat intervals, in seconds, that hosts last received. */
export async function readHeartbeats({ prisma }: Database): Promise<number[]> {
  const rows = await prisma.$queryRaw<{ heartbeatSeconds: number }[]>`
    SELECT DISTINCT "heartbeatSeconds" FROM hosts
    WHERE "heartbeatSeconds" IS NOT NULL AND "deletedAt" IS NULL
    ORDER BY 1`;
  return rows.map(({ heartbeatSeconds }) => heartbeatSeconds);
}
