import { openDatabase, Prisma } from '@muster/db';
import { ORGANIZATION } from '@muster/fleet';
import { POOL_MAX } from '../pool.js';
import type { Contender } from './contender.js';

/** Five thousand upserts take longer than Prisma's limit of 5 s for a transaction. */
const TIMEOUT_MS = 300_000;

/** The obvious implementation: an upsert for each container, and one statement for all absent containers. */
export async function createPrismaUpserts(url: string): Promise<Contender> {
  const timeouts = { statementTimeoutMs: TIMEOUT_MS, queryTimeoutMs: TIMEOUT_MS };
  const db = await openDatabase({ url }, { poolMax: POOL_MAX, ...timeouts });
  const { prisma } = db;
  return {
    id: 'upserts',
    async deliver({ hostId, containers }) {
      const at = new Date();
      const upserts = containers.map(
        ({ dockerId, truncated = [], exit, oomKilled = null, restartCount = null, imageDigest = null, ...fields }) => {
          const ports = fields.ports as unknown as Prisma.InputJsonValue;
          const facts = { exit: exit ?? Prisma.DbNull, oomKilled, restartCount, imageDigest };
          const update = { ...fields, ...facts, truncated, ports, removedAt: null, changedAt: at };
          const organizationId = ORGANIZATION;
          return prisma.container.upsert({
            where: { hostId_dockerId: { hostId, dockerId } },
            create: { hostId, dockerId, organizationId, ...update, digest: '', firstSeenAt: at },
            update,
          });
        },
      );
      const dockerIds = containers.map(({ dockerId }) => dockerId);
      const markAbsent = prisma.container.updateMany({
        where: { hostId, dockerId: { notIn: dockerIds }, removedAt: null },
        data: { state: 'exited', status: '', removedAt: at },
      });
      const touchHost = prisma.host.update({ where: { id: hostId }, data: { lastSeenAt: at } });
      await prisma.$transaction([...upserts, markAbsent, touchHost], { timeout: TIMEOUT_MS });
    },
    close: () => db.close(),
  };
}
