import type { TestDatabase } from '@muster/db/testing';

/**
 * Makes some containers of the hosts of `seedFleet` fail, so that the list of problems has groups of many images, as in
 * a real fleet.
 */
export async function failContainers({ prisma }: TestDatabase): Promise<void> {
  await prisma.$executeRaw`
    UPDATE containers AS c SET state = 'exited', "exitCode" = 1, image = 'registry.example.com/app-' || h.number % 20
    FROM (SELECT id, substr("engineId", 8)::int AS number FROM hosts) AS h
    WHERE c."hostId" = h.id AND h.number % 10 = 1 AND c.name LIKE '%-1'`;
  await countStates(prisma);
}

/** Stops or starts `count` random containers, and records each change like a report of the host. */
export async function changeContainers({ prisma }: TestDatabase, count: number): Promise<void> {
  await prisma.$transaction(async (tx) => {
    const changed = await tx.$queryRaw<{ hostId: string }[]>`
      WITH picked AS (
        SELECT c."hostId", c."dockerId", c.state, CASE c.state WHEN 'running' THEN 'exited' ELSE 'running' END AS next
        FROM containers AS c ORDER BY random() LIMIT ${count}::int
      ), changed AS (
        UPDATE containers AS c SET state = picked.next, "changedAt" = now(),
          "exitCode" = CASE picked.next WHEN 'exited' THEN 1 END
        FROM picked WHERE c."hostId" = picked."hostId" AND c."dockerId" = picked."dockerId"
        RETURNING c.*, picked.state AS "stateBefore"
      )
      INSERT INTO container_events (tx, "hostId", "organizationId", "dockerId", name, kind, "from", "to", "exitCode",
        "observedAt", "recordedAt")
      SELECT pg_current_xact_id()::text::bigint, "hostId", "organizationId", "dockerId", name,
        CASE state WHEN 'exited' THEN 'exited' ELSE 'started' END, to_jsonb("stateBefore"), to_jsonb(state), "exitCode",
        now(), now()
      FROM changed RETURNING "hostId"::text AS "hostId"`;
    await countStates(
      tx,
      changed.map(({ hostId }) => hostId),
    );
  });
}

/** Counts each host's containers by state and health, and stores the counts in the host's row. Default: all hosts. */
export async function countStates(
  prisma: Pick<TestDatabase['prisma'], '$executeRaw'>,
  hostIds: readonly string[] | null = null,
): Promise<void> {
  await prisma.$executeRaw`
    UPDATE hosts AS h SET revision = revision + 1, "failedCount" = (
      SELECT count(*) FROM containers WHERE "hostId" = h.id AND state = 'exited' AND "exitCode" = 1
    ), "stateCounts" = (
      SELECT jsonb_object_agg(key, total)
      FROM (
        SELECT key, count(*) AS total
        FROM containers AS c CROSS JOIN LATERAL (VALUES (c.state), ('health:' || c.health)) AS keys (key)
        WHERE c."hostId" = h.id AND key IS NOT NULL GROUP BY key
      ) AS counts
    )
    WHERE ${hostIds}::uuid[] IS NULL OR h.id = ANY (${hostIds}::uuid[])`;
}
