import type { Database } from '@muster/db';

/** Reads which heartbeats, in seconds, hosts were last given: as many rows as there are different ones. */
export async function readHeartbeats({ prisma }: Database): Promise<number[]> {
  const rows = await prisma.$queryRaw<{ heartbeatSeconds: number }[]>`
    SELECT DISTINCT "heartbeatSeconds" FROM hosts
    WHERE "heartbeatSeconds" IS NOT NULL AND "deletedAt" IS NULL
    ORDER BY 1`;
  return rows.map(({ heartbeatSeconds }) => heartbeatSeconds);
}
