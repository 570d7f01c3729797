import { openDatabase, type Prisma } from '@muster/db';
import { ORGANIZATION } from '../organization.js';
import { POOL_MAX } from '../pool.js';
import type { Contender } from './contender.js';

/** Five thousand upserts take longer than Prisma's own limit of 5 s for a transaction, by which they would fail. */
const TIMEOUT_MS = 300_000;

/** What anyone would write first: an upsert for each container and one statement for those that are gone. */
export async function createPrismaUpserts(url: string): Promise<Contender> {
  const db = await openDatabase(
    { url },
    { poolMax: POOL_MAX, statementTimeoutMs: TIMEOUT_MS, queryTimeoutMs: TIMEOUT_MS },
  );
  const { prisma } = db;
  return {
    id: 'upserts',
    async deliver({ hostId, containers }) {
      const at = new Date();
      const dockerIds = containers.map(({ dockerId }) => dockerId);
      await prisma.$transaction(
        [
          ...containers.map(({ dockerId, truncated = [], ...fields }) => {
            const data = {
              ...fields,
              truncated,
              ports: fields.ports as unknown as Prisma.InputJsonValue,
              removedAt: null,
            };
            return prisma.container.upsert({
              where: { hostId_dockerId: { hostId, dockerId } },
              create: {
                hostId,
                dockerId,
                organizationId: ORGANIZATION,
                ...data,
                digest: '',
                firstSeenAt: at,
                changedAt: at,
              },
              update: { ...data, changedAt: at },
            });
          }),
          prisma.container.updateMany({
            where: { hostId, dockerId: { notIn: dockerIds }, removedAt: null },
            data: { state: 'exited', status: '', removedAt: at },
          }),
          prisma.host.update({ where: { id: hostId }, data: { lastSeenAt: at } }),
        ],
        { timeout: TIMEOUT_MS },
      );
    },
    close: () => db.close(),
  };
}
