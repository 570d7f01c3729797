import { Prisma, type Database } from '@muster/db';

/** Maximum number of removed containers per organization that one statement reads to find their hosts. */
const ROWS_MAX = 1_000;

/** Maximum number of hosts that one statement checks for too many removed containers. */
const HOSTS_MAX = 100;

const NO_HOST = '00000000-0000-0000-0000-000000000000';

/**
 * Finds hosts with a container removed before `before`. May return only some of these hosts, but returns at least one
 * if any exist. Reads the oldest removed rows of each organization by their index, so the cost depends only on the
 * number of such rows.
 */
export async function findHostsWithRemovedBefore({ prisma }: Database, before: Date): Promise<string[]> {
  const rows = await prisma.$queryRaw<{ hostId: string }[]>(Prisma.sql`
    SELECT DISTINCT due."hostId"::text AS "hostId"
    FROM organizations AS o CROSS JOIN LATERAL (
      SELECT c."hostId" FROM containers AS c
      WHERE c."organizationId" = o.id AND c."removedAt" IS NOT NULL AND c."removedAt" < ${before}::timestamptz
      ORDER BY c."removedAt" LIMIT ${ROWS_MAX}::int) AS due`);
  return rows.map(({ hostId }) => hostId);
}

/**
 * Yields the hosts with a container removed since `since` and more than `keptMax` removed containers. Costs one index
 * probe per host. A host with a removal since `since` also costs one index entry per removed container, up to
 * `keptMax`.
 */
export async function* findHostsWithExcess({ prisma }: Database, since: Date, keptMax: number): AsyncGenerator<string> {
  for (let after = NO_HOST; ;) {
    const hosts = await prisma.$queryRaw<{ id: string; hasExcess: boolean }[]>(Prisma.sql`
      SELECT h.id::text AS id, CASE
        WHEN EXISTS (
          SELECT FROM containers AS c
          WHERE c."hostId" = h.id AND c."removedAt" IS NOT NULL AND c."removedAt" >= ${since}::timestamptz)
        THEN EXISTS (
          SELECT FROM containers AS c WHERE c."hostId" = h.id AND c."removedAt" IS NOT NULL OFFSET ${keptMax}::int)
        ELSE FALSE END AS "hasExcess"
      FROM (SELECT id FROM hosts WHERE id > ${after}::uuid ORDER BY id LIMIT ${HOSTS_MAX}::int) AS h ORDER BY h.id`);
    for (const { id, hasExcess } of hosts) if (hasExcess) yield id;
    if (hosts.length < HOSTS_MAX) return;
    after = hosts.at(-1)!.id;
  }
}

/** Deletes a batch of a host's containers removed before `before`. Resolves with the number of deleted containers. */
export const pruneRemovedContainers = (db: Database, hostId: string, before: Date, rowsMax: number): Promise<number> =>
  pruneHost(
    db,
    hostId,
    Prisma.sql`
      SELECT "dockerId", "removedAt" FROM containers
      WHERE "hostId" = ${hostId}::uuid AND "removedAt" IS NOT NULL AND "removedAt" < ${before}::timestamptz
      ORDER BY "removedAt" LIMIT ${rowsMax}::int`,
  );

/**
 * Deletes a batch of a host's removed containers, but keeps the `keptMax` most recent ones. Resolves with the number of
 * deleted containers.
 */
export const pruneExcessContainers = (
  db: Database,
  hostId: string,
  keptMax: number,
  rowsMax: number,
): Promise<number> =>
  pruneHost(
    db,
    hostId,
    Prisma.sql`
      SELECT "dockerId", "removedAt" FROM containers
      WHERE "hostId" = ${hostId}::uuid AND "removedAt" IS NOT NULL
      ORDER BY "removedAt" DESC, "dockerId" LIMIT ${rowsMax}::int OFFSET ${keptMax}::int`,
  );

/**
 * Deletes a host's removed containers that the query `aged` returns. If there are such containers, locks the host's row
 * and increments the revision. A concurrent snapshot may restore one of these containers. If the snapshot committed
 * first, `removedAt` is null and the row is kept. If the snapshot commits later, it finds another revision and must
 * compare again.
 */
const pruneHost = ({ prisma }: Database, hostId: string, aged: Prisma.Sql): Promise<number> =>
  prisma.$executeRaw(Prisma.sql`
    WITH aged AS MATERIALIZED (${aged}), guard AS (
      UPDATE hosts SET revision = revision + 1 WHERE id = ${hostId}::uuid AND EXISTS (SELECT FROM aged) RETURNING id
    )
    DELETE FROM containers USING guard, aged
    WHERE containers."hostId" = guard.id AND containers."dockerId" = aged."dockerId"
      AND containers."removedAt" = aged."removedAt"`);
