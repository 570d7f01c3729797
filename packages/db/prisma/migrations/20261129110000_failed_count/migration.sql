-- The number of present containers that exited with an error. Reads all containers once.
ALTER TABLE "hosts" ADD COLUMN     "failedCount" INTEGER NOT NULL DEFAULT 0;

UPDATE "hosts" SET "failedCount" = counted."containers"
    FROM (
        SELECT "hostId", count(*) AS "containers" FROM "containers"
        WHERE "removedAt" IS NULL AND "state" IN ('exited', 'stopped')
            AND "exitCode" NOT IN (0, 130, 143, 3221225786)
        GROUP BY "hostId"
    ) AS counted
    WHERE counted."hostId" = "hosts"."id";
