-- States that are not Docker's are counted together from now on, as `other`, and no state is counted as a health. The
-- revision makes every process that remembers a host's containers read them again.
UPDATE "hosts" SET "stateCounts" = counted."counts", "revision" = "revision" + 1
    FROM (
        SELECT h."id", COALESCE((
            SELECT jsonb_object_agg(summed."word", summed."containers")
            FROM (
                SELECT words."word", count(*) AS "containers"
                FROM "containers" AS c, LATERAL (VALUES
                    (CASE WHEN c."state" IN ('created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead')
                        THEN c."state" ELSE 'other' END),
                    ('health:' || c."health")) AS words ("word")
                WHERE c."hostId" = h."id" AND c."removedAt" IS NULL AND words."word" IS NOT NULL
                GROUP BY words."word"
            ) AS summed), '{}') AS "counts"
        FROM "hosts" AS h
        WHERE EXISTS (
            SELECT FROM jsonb_object_keys(h."stateCounts") AS keys ("word")
            WHERE keys."word" NOT IN ('created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead',
                'other', 'health:healthy', 'health:unhealthy', 'health:starting'))
            OR EXISTS (
                SELECT FROM "containers" AS c
                WHERE c."hostId" = h."id" AND c."removedAt" IS NULL AND c."state" LIKE 'health:%')
    ) AS counted
    WHERE counted."id" = "hosts"."id";
