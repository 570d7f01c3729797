import { MUSTER_VERSION, type System } from '@muster/contracts';
import type { Database } from '@muster/db';
import { REPLICA_LISTED_MS } from './replica-record.js';

/** Returns the version of this process, its database, and the processes that use the same database. */
export async function getSystem({ prisma, engine }: Database, now: Date): Promise<System> {
  const [database] = await prisma.$queryRaw<{ version: string }[]>`SELECT current_setting('server_version') AS version`;
  const replicas = await prisma.replica.findMany({
    where: { lastSeenAt: { gt: new Date(now.getTime() - REPLICA_LISTED_MS) } },
    orderBy: [{ startedAt: 'asc' }, { id: 'asc' }],
  });
  return {
    version: MUSTER_VERSION,
    database: {
      kind: engine === 'pglite' ? 'embedded' : 'postgresql',
      // A distribution may add its own version: "15.14 (Debian 15.14-0+deb12u1)".
      version: database!.version.split(' ', 1)[0]!,
    },
    replicas: replicas.map(({ id, version, startedAt, lastSeenAt }) => ({
      id,
      version,
      startedAt: startedAt.toISOString(),
      lastSeenAt: lastSeenAt.toISOString(),
    })),
  };
}
