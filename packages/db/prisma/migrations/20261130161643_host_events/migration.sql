-- AlterTable
ALTER TABLE "hosts" ADD COLUMN     "endedSilences" JSONB,
ADD COLUMN     "recordedSilence" JSONB;

-- CreateTable
CREATE TABLE "host_events" (
    "tx" BIGINT NOT NULL,
    "id" BIGINT NOT NULL,
    "hostId" UUID NOT NULL,
    "organizationId" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "from" JSONB,
    "to" JSONB,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "recordedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "host_events_pkey" PRIMARY KEY ("hostId","tx","id")
);

-- CreateIndex
CREATE INDEX "host_events_organizationId_tx_id_idx" ON "host_events"("organizationId", "tx", "id");

-- AddForeignKey
ALTER TABLE "host_events" ADD CONSTRAINT "host_events_hostId_fkey" FOREIGN KEY ("hostId") REFERENCES "hosts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- The hosts that exist already were enrolled before their history began.
INSERT INTO "host_events" (tx, id, "hostId", "organizationId", kind, "to", at, "recordedAt")
SELECT pg_current_xact_id()::text::bigint, nextval('container_events_id_seq'), id, "organizationId", 'host_enrolled',
  jsonb_build_object('name', name, 'engineId', "engineId"), "enrolledAt", now()
FROM (SELECT * FROM "hosts" WHERE "deletedAt" IS NULL ORDER BY "enrolledAt", id) AS enrolled;

-- Records what only the statement that changes a host knows: which silence a call ends, when a problem began or ended,
-- and which version came before. Many statements change hosts, also those of earlier versions that run alongside this
-- one, so a trigger does it (ADR 26). The function runs only for an update that has something to record.
CREATE FUNCTION record_host_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  -- The time of the call. The record of a refused snapshot does not change "lastSeenAt", and no call ends an expired
  -- suspicion of a clone.
  called timestamptz := CASE
    WHEN NEW."lastSeenAt" IS DISTINCT FROM OLD."lastSeenAt" THEN NEW."lastSeenAt"
    WHEN NEW."snapshotRefusedAt" IS DISTINCT FROM OLD."snapshotRefusedAt"
      THEN COALESCE(NEW."snapshotRefusedAt", NEW."lastSeenAt")
    ELSE COALESCE(OLD."cloneSuspectedAt" + interval '24 hours', NEW."lastSeenAt") END;
BEGIN
  -- A host is `never` until its first snapshot, so its silence before that is none. The limit bounds the row if the
  -- writer does not run.
  IF NEW."lastSeenAt" - OLD."lastSeenAt" > 3 * COALESCE(OLD."heartbeatSeconds", 10) * interval '1 second'
    AND OLD."leftAt" IS NULL AND (OLD."observedAt" IS NOT NULL OR OLD."confirmedAt" IS NOT NULL)
    AND COALESCE(jsonb_array_length(OLD."endedSilences"), 0) < 100
  THEN
    NEW."endedSilences" := COALESCE(OLD."endedSilences", '[]') || jsonb_build_object(
      'from', OLD."lastSeenAt", 'until', NEW."lastSeenAt", 'heartbeatSeconds', COALESCE(OLD."heartbeatSeconds", 10));
  END IF;

  INSERT INTO "host_events" (tx, id, "hostId", "organizationId", kind, "from", "to", at, "recordedAt")
  SELECT pg_current_xact_id()::text::bigint, nextval('container_events_id_seq'), NEW.id, NEW."organizationId",
    change.kind, change."from", change."to", change.at, called
  FROM (
    SELECT
      CASE
        WHEN known.code IS NULL THEN CASE current.code
          WHEN 'engine_unreachable' THEN 'engine_down' WHEN 'clone_suspected' THEN 'clone_suspected'
          ELSE 'problem_started' END
        ELSE CASE known.code WHEN 'engine_unreachable' THEN 'engine_up' ELSE 'problem_ended' END
      END AS kind,
      CASE WHEN known.code IS NOT NULL THEN jsonb_strip_nulls(jsonb_build_object(
        'code', known.code, 'message', known.message,
        'since', to_char(known.since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))) END AS "from",
      CASE WHEN current.code IS NOT NULL THEN jsonb_strip_nulls(jsonb_build_object(
        'code', current.code, 'message', current.message)) END AS "to",
      CASE
        WHEN known.code IS NULL THEN current.since
        -- A suspicion ends a day after the clone was last seen.
        WHEN known.code = 'clone_suspected' THEN LEAST(called, OLD."cloneSuspectedAt" + interval '24 hours')
        ELSE called
      END AS at
    FROM (
      SELECT DISTINCT ON (code) code, NULLIF(message, '') AS message, since FROM (
        SELECT * FROM jsonb_to_recordset(OLD."agentProblems") AS problem (code text, message text, since timestamptz)
        UNION ALL SELECT 'snapshot_refused', OLD."snapshotRefusedReason", OLD."snapshotRefusedAt"
        UNION ALL SELECT 'truncated', NULL, OLD."truncatedSince" WHERE OLD."truncatedCount" > 0
        UNION ALL SELECT 'clone_suspected', NULL, COALESCE(OLD."cloneSuspectedSince", OLD."cloneSuspectedAt")
      ) AS problem WHERE since IS NOT NULL ORDER BY code, since
    ) AS known FULL JOIN (
      SELECT DISTINCT ON (code) code, NULLIF(message, '') AS message, since FROM (
        SELECT * FROM jsonb_to_recordset(NEW."agentProblems") AS problem (code text, message text, since timestamptz)
        UNION ALL SELECT 'snapshot_refused', NEW."snapshotRefusedReason", NEW."snapshotRefusedAt"
        UNION ALL SELECT 'truncated', NULL, NEW."truncatedSince" WHERE NEW."truncatedCount" > 0
        UNION ALL SELECT 'clone_suspected', NULL, COALESCE(NEW."cloneSuspectedSince", NEW."cloneSuspectedAt")
      ) AS problem WHERE since IS NOT NULL ORDER BY code, since
    ) AS current ON current.code = known.code
    WHERE known.code IS NULL OR current.code IS NULL
    UNION ALL
    SELECT 'agent_upgraded', jsonb_build_object('version', OLD."agentVersion"),
      jsonb_build_object('version', NEW."agentVersion"), called
    WHERE NEW."agentVersion" <> OLD."agentVersion"
    UNION ALL
    SELECT 'engine_upgraded', jsonb_build_object('name', OLD."engineName", 'version', OLD."engineVersion"),
      jsonb_build_object('name', NEW."engineName", 'version', NEW."engineVersion"), called
    WHERE (NEW."engineName", NEW."engineVersion") <> (OLD."engineName", OLD."engineVersion")
  ) AS change
  ORDER BY change.at;
  RETURN NEW;
END
$$;

CREATE TRIGGER host_history BEFORE UPDATE ON "hosts" FOR EACH ROW WHEN (
  NEW."deletedAt" IS NULL AND (
    NEW."lastSeenAt" - OLD."lastSeenAt" > 3 * COALESCE(OLD."heartbeatSeconds", 10) * interval '1 second'
    OR NEW."agentProblems" IS DISTINCT FROM OLD."agentProblems"
    OR (NEW."snapshotRefusedAt" IS NULL) <> (OLD."snapshotRefusedAt" IS NULL)
    OR (NEW."truncatedCount" > 0) <> (OLD."truncatedCount" > 0)
    OR (NEW."cloneSuspectedAt" IS NULL) <> (OLD."cloneSuspectedAt" IS NULL)
    OR NEW."agentVersion" <> OLD."agentVersion"
    OR NEW."engineVersion" <> OLD."engineVersion"
    OR NEW."engineName" <> OLD."engineName"
  )
) EXECUTE FUNCTION record_host_history();
