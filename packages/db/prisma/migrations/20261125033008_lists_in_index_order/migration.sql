-- Rewrites both large tables once and builds their indexes: about a minute and a half for half a million containers,
-- during which syncs wait. Needs the extension pg_trgm, which comes with PostgreSQL and which whoever owns the database
-- may create.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- DropIndex
-- Nobody reads the history of all organizations at once, and each event would pay for it.
DROP INDEX "container_events_tx_id_idx";

-- AlterTable
ALTER TABLE "container_events" ADD COLUMN     "organizationId" TEXT;
UPDATE "container_events" SET "organizationId" = "hosts"."organizationId"
    FROM "hosts" WHERE "hosts"."id" = "container_events"."hostId";
ALTER TABLE "container_events" ALTER COLUMN "organizationId" SET NOT NULL;

-- Made anew, with each host's rows side by side and with what changes in a living container at the end of its row: the
-- log of an update holds what lies between the first and the last column that it changes, and the labels did.
CREATE TABLE "containers_in_order" (
    "hostId" UUID NOT NULL,
    "dockerId" TEXT NOT NULL,
    "organizationId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "image" TEXT NOT NULL,
    "imageId" TEXT,
    "command" TEXT NOT NULL,
    "labels" JSONB NOT NULL,
    "firstSeenAt" TIMESTAMPTZ(3) NOT NULL,
    "ports" JSONB NOT NULL,
    "state" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "startedAt" TIMESTAMPTZ(3),
    "health" TEXT,
    "exitCode" INTEGER,
    "digest" TEXT NOT NULL,
    "changedAt" TIMESTAMPTZ(3) NOT NULL,
    "removedAt" TIMESTAMPTZ(3)
) WITH (fillfactor = 85);
INSERT INTO "containers_in_order"
    SELECT "hostId", "dockerId", "hosts"."organizationId", "containers"."name", "image", "imageId", "command", "labels",
        "firstSeenAt", "ports", "state", "status", "startedAt", "health", "exitCode", "containers"."digest", "changedAt",
        "removedAt"
    FROM "containers" JOIN "hosts" ON "hosts"."id" = "containers"."hostId"
    ORDER BY "hostId", "dockerId";
DROP TABLE "containers";
ALTER TABLE "containers_in_order" RENAME TO "containers";
ALTER TABLE "containers"
    ADD CONSTRAINT "containers_pkey" PRIMARY KEY ("hostId", "dockerId"),
    ADD CONSTRAINT "containers_hostId_fkey" FOREIGN KEY ("hostId") REFERENCES "hosts"("id")
        ON DELETE CASCADE ON UPDATE CASCADE,
    ADD CONSTRAINT "containers_ports_check" CHECK (jsonb_typeof("ports") = 'array'),
    ADD CONSTRAINT "containers_labels_check" CHECK (jsonb_typeof("labels") = 'object');
CREATE INDEX "containers_present_idx" ON "containers"("hostId") WHERE ("removedAt" IS NULL);
CREATE INDEX "containers_removed_idx" ON "containers"("hostId", "removedAt") WHERE ("removedAt" IS NOT NULL);

-- CreateTable
CREATE TABLE "container_changes" (
    "organizationId" TEXT NOT NULL,
    "changedAt" TIMESTAMPTZ(3) NOT NULL,
    "hostId" UUID NOT NULL,

    CONSTRAINT "container_changes_pkey" PRIMARY KEY ("organizationId","changedAt","hostId")
);
INSERT INTO "container_changes"
    SELECT DISTINCT "organizationId", "changedAt", "hostId" FROM "containers" WHERE "removedAt" IS NULL;

-- AlterTable
ALTER TABLE "hosts" ADD COLUMN     "stateCounts" JSONB NOT NULL DEFAULT '{}';
UPDATE "hosts" SET "stateCounts" = counted."counts"
    FROM (
        SELECT "hostId", jsonb_object_agg("word", "containers") AS "counts"
        FROM (
            SELECT "hostId", "word", count(*) AS "containers"
            FROM "containers", LATERAL (VALUES ("state"), ('health:' || "health")) AS words ("word")
            WHERE "removedAt" IS NULL AND "word" IS NOT NULL
            GROUP BY "hostId", "word"
        ) AS words
        GROUP BY "hostId"
    ) AS counted
    WHERE counted."hostId" = "hosts"."id";

-- CreateIndex
CREATE INDEX "container_events_organizationId_tx_id_idx" ON "container_events"("organizationId", "tx", "id");

-- What follows is written by hand: Prisma has no words for it.

-- The history of a name, across the containers that bore it.
CREATE INDEX "container_events_name_idx"
    ON "container_events" ("organizationId", (left("name", 200) COLLATE "C"), "tx", "id");

-- What lists walk (ADR 6): one index an order, for the present and for the removed containers. They end with the host:
-- the few rows that are then still equal are sorted by "dockerId" when read. Texts are cut to what an index entry can
-- hold, and ordered by code point, so that every server has the same order whatever its locale.
CREATE INDEX "containers_present_name_idx"
    ON "containers" ("organizationId", (left("name", 200) COLLATE "C"), "hostId") WHERE "removedAt" IS NULL;
CREATE INDEX "containers_removed_name_idx"
    ON "containers" ("organizationId", (left("name", 200) COLLATE "C"), "hostId") WHERE "removedAt" IS NOT NULL;
CREATE INDEX "containers_present_image_idx"
    ON "containers" ("organizationId", (left("image", 200) COLLATE "C"), (left("name", 200) COLLATE "C"), "hostId")
    WHERE "removedAt" IS NULL;
CREATE INDEX "containers_removed_image_idx"
    ON "containers" ("organizationId", (left("image", 200) COLLATE "C"), (left("name", 200) COLLATE "C"), "hostId")
    WHERE "removedAt" IS NOT NULL;
CREATE INDEX "containers_present_first_seen_idx"
    ON "containers" ("organizationId", "firstSeenAt", "hostId") WHERE "removedAt" IS NULL;
CREATE INDEX "containers_removed_first_seen_idx"
    ON "containers" ("organizationId", "firstSeenAt", "hostId") WHERE "removedAt" IS NOT NULL;
-- A removed container is `exited`, and was changed when it was removed: so these have the orders of state and changedAt.
CREATE INDEX "containers_removed_host_idx"
    ON "containers" ("organizationId", "hostId", "dockerId") WHERE "removedAt" IS NOT NULL;
CREATE INDEX "containers_removed_at_idx"
    ON "containers" ("organizationId", "removedAt", "hostId") WHERE "removedAt" IS NOT NULL;

-- The beginning of an engine's id, which people copy from a terminal.
CREATE INDEX "containers_docker_id_idx" ON "containers" ("organizationId", (left("dockerId", 12) COLLATE "C"));

-- What labels and search look in. Both are bounded a container, so that no snapshot costs more to index than the time
-- that a statement has; what is beyond the bound is found by "containers_unindexed_idx", and compared row by row.
CREATE FUNCTION "container_label_keys"("labels" JSONB) RETURNS JSONB LANGUAGE SQL IMMUTABLE PARALLEL SAFE
    RETURN jsonb_path_query_array("labels", '$.keyvalue().key');
CREATE FUNCTION "container_label_count"("labels" JSONB) RETURNS INTEGER LANGUAGE SQL IMMUTABLE PARALLEL SAFE
    RETURN jsonb_array_length("container_label_keys"("labels"));
CREATE FUNCTION "container_search_text"("name" TEXT, "image" TEXT, "command" TEXT) RETURNS TEXT
    LANGUAGE SQL IMMUTABLE PARALLEL SAFE
    RETURN "name" || E'\n' || "image" || E'\n' || "command";

-- New entries are collected and sorted in by the megabyte (fastupdate): entry by entry, a first snapshot would write ten
-- times as much. Whoever fills the megabyte sorts it in, so it is small enough that this is no more than a hiccup.
CREATE INDEX "containers_label_keys_idx" ON "containers"
    USING GIN ("container_label_keys"("labels")) WITH (gin_pending_list_limit = 1024)
    WHERE "container_label_count"("labels") <= 64;
CREATE INDEX "containers_labels_idx" ON "containers"
    USING GIN ("labels" jsonb_path_ops) WITH (gin_pending_list_limit = 1024)
    WHERE "container_label_count"("labels") <= 64;
CREATE INDEX "containers_search_idx" ON "containers"
    USING GIN (left("container_search_text"("name", "image", "command"), 1000) gin_trgm_ops)
    WITH (gin_pending_list_limit = 2048);
CREATE INDEX "containers_unindexed_idx" ON "containers" ("organizationId")
    WHERE "container_label_count"("labels") > 64
        OR length("container_search_text"("name", "image", "command")) > 1000;
