-- AlterTable
ALTER TABLE "hosts" ADD COLUMN     "endedSilences" JSONB,
ADD COLUMN     "firstSnapshotAt" TIMESTAMPTZ(3),
ADD COLUMN     "recordedSilence" JSONB;

-- AlterTable
ALTER TABLE "retention_steps" ADD COLUMN     "deletedBefore" TIMESTAMPTZ(3);

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

-- CreateIndex
CREATE INDEX "host_events_availability_idx" ON "host_events"("hostId", "at", "tx", "id") WHERE (kind = ANY (ARRAY['host_enrolled'::text, 'host_left'::text, 'host_back'::text, 'engine_down'::text, 'engine_up'::text]));

-- AddForeignKey
ALTER TABLE "host_events" ADD CONSTRAINT "host_events_hostId_fkey" FOREIGN KEY ("hostId") REFERENCES "hosts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Records what only the statement that changes a host knows: which silence a call ends, when a problem began or ended,
-- and which version came before. Many statements change hosts, also those of earlier versions that run alongside this
-- one, so a trigger does it (ADR 26). The function runs only for an update that has something to record.
CREATE FUNCTION record_host_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  -- The time of the call. The record of a refused snapshot does not change "lastSeenAt".
  called timestamptz := CASE
    WHEN NEW."lastSeenAt" IS NOT DISTINCT FROM OLD."lastSeenAt"
      AND NEW."snapshotRefusedAt" IS DISTINCT FROM OLD."snapshotRefusedAt"
      THEN COALESCE(NEW."snapshotRefusedAt", NEW."lastSeenAt")
    ELSE COALESCE(NEW."lastSeenAt", now()) END;
  is_first_snapshot boolean :=
    NEW."observedAt" IS NOT NULL AND OLD."observedAt" IS NULL AND OLD."confirmedAt" IS NULL;
  -- The silence that ended because the agent called to leave.
  left_silence jsonb;
BEGIN
  IF NEW."deletedAt" IS NOT NULL THEN RETURN NEW; END IF;

  -- If an earlier call has a later time, it was received by a process whose clock was ahead, and ended no silence. The
  -- clocks of two processes that are right differ by less than a second.
  IF NEW."lastSeenAt" < OLD."lastSeenAt" AND NEW."endedSilences" IS NOT NULL THEN
    NEW."endedSilences" := (
      SELECT jsonb_agg(silence ORDER BY place)
      FROM jsonb_array_elements(NEW."endedSilences") WITH ORDINALITY AS silences (silence, place)
      WHERE (silence ->> 'until')::timestamptz <= NEW."lastSeenAt" + interval '1 second');
  END IF;

  -- A host is `never` until its first snapshot, so its silence before that is none. The limit bounds the row if the
  -- writer does not run.
  IF NEW."lastSeenAt" - OLD."lastSeenAt" > 3 * COALESCE(OLD."heartbeatSeconds", 10) * interval '1 second'
    AND OLD."leftAt" IS NULL AND (OLD."observedAt" IS NOT NULL OR OLD."confirmedAt" IS NOT NULL)
    AND COALESCE(jsonb_array_length(OLD."endedSilences"), 0) < 100
  THEN
    NEW."endedSilences" := COALESCE(OLD."endedSilences", '[]') || jsonb_build_object(
      'from', OLD."lastSeenAt", 'until', NEW."lastSeenAt", 'heartbeatSeconds', COALESCE(OLD."heartbeatSeconds", 10));
  END IF;

  -- An agent that called only to leave did not come back.
  IF NEW."leftAt" IS NOT NULL AND OLD."leftAt" IS NULL
    AND (NEW."endedSilences" -> -1 ->> 'until')::timestamptz = NEW."lastSeenAt"
  THEN
    NEW."endedSilences" := jsonb_set(NEW."endedSilences", '{-1,left}', 'true');
    left_silence := NEW."endedSilences" -> -1;
  END IF;

  IF is_first_snapshot THEN
    NEW."firstSnapshotAt" := COALESCE(NEW."firstSnapshotAt", NEW."lastSeenAt");
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
      SELECT DISTINCT ON (code) code, NULLIF(message, '') AS message, since, code AS key FROM (
        SELECT * FROM jsonb_to_recordset(OLD."agentProblems") AS problem (code text, message text, since timestamptz)
        UNION ALL SELECT 'snapshot_refused', OLD."snapshotRefusedReason", OLD."snapshotRefusedAt"
        UNION ALL SELECT 'truncated', NULL, OLD."truncatedSince" WHERE OLD."truncatedCount" > 0
        UNION ALL SELECT 'clone_suspected', NULL, COALESCE(OLD."cloneSuspectedSince", OLD."cloneSuspectedAt")
      ) AS problem WHERE since IS NOT NULL ORDER BY code, since
    ) AS known FULL JOIN (
      -- A clone that is seen again after the suspicion has expired, before the writer has recorded its end, is another one.
      SELECT DISTINCT ON (code) code, NULLIF(message, '') AS message, since,
        CASE WHEN code = 'clone_suspected' AND NEW."cloneSuspectedSince" <> OLD."cloneSuspectedSince"
          THEN 'another clone' ELSE code END AS key
      FROM (
        SELECT * FROM jsonb_to_recordset(NEW."agentProblems") AS problem (code text, message text, since timestamptz)
        UNION ALL SELECT 'snapshot_refused', NEW."snapshotRefusedReason", NEW."snapshotRefusedAt"
        UNION ALL SELECT 'truncated', NULL, NEW."truncatedSince" WHERE NEW."truncatedCount" > 0
        UNION ALL SELECT 'clone_suspected', NULL, COALESCE(NEW."cloneSuspectedSince", NEW."cloneSuspectedAt")
      ) AS problem WHERE since IS NOT NULL ORDER BY code, since
    ) AS current ON current.key = known.key
    WHERE (known.code IS NULL OR current.code IS NULL)
      -- The writer clears an expired suspicion, without a call of the agent, and records it.
      AND NOT (COALESCE(known.code, '') = 'clone_suspected' AND NEW."cloneSuspectedAt" IS NULL
        AND NEW."lastSeenAt" IS NOT DISTINCT FROM OLD."lastSeenAt")
    UNION ALL
    SELECT 'agent_upgraded', jsonb_build_object('version', OLD."agentVersion"),
      jsonb_build_object('version', NEW."agentVersion"), called
    WHERE NEW."agentVersion" <> OLD."agentVersion" AND '' NOT IN (NEW."agentVersion", OLD."agentVersion")
    UNION ALL
    SELECT 'engine_upgraded', jsonb_build_object('name', OLD."engineName", 'version', OLD."engineVersion"),
      jsonb_build_object('name', NEW."engineName", 'version', NEW."engineVersion"), called
    WHERE (NEW."engineName", NEW."engineVersion") <> (OLD."engineName", OLD."engineVersion")
      -- The engine of a host that was enrolled while the engine did not respond has no version.
      AND '' NOT IN (NEW."engineVersion", OLD."engineVersion")
    UNION ALL
    SELECT 'host_left',
      CASE WHEN (left_silence ->> 'from')::timestamptz = (OLD."recordedSilence" ->> 'from')::timestamptz
        THEN jsonb_build_object('state', OLD."recordedSilence" -> 'state', 'since', OLD."recordedSilence" -> 'from') END,
      NULL, NEW."leftAt"
    WHERE NEW."leftAt" IS NOT NULL AND OLD."leftAt" IS NULL
    -- Replicas of earlier versions do not record enrollments. This version records them before it changes the host.
    UNION ALL
    SELECT 'host_enrolled', NULL, jsonb_build_object('name', NEW.name, 'engineId', NEW."engineId"), NEW."enrolledAt"
    WHERE is_first_snapshot AND NOT EXISTS (
      SELECT FROM "host_events" AS e WHERE e."hostId" = NEW.id AND e.kind = 'host_enrolled')
    UNION ALL
    SELECT 'host_enrolled',
      jsonb_build_object('state', 'left',
        'since', to_char(OLD."leftAt" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
      jsonb_build_object('name', NEW.name, 'engineId', NEW."engineId", 'again', TRUE), called
    WHERE NEW."leftAt" IS NULL AND OLD."leftAt" IS NOT NULL AND NOT EXISTS (
      SELECT FROM "host_events" AS e
      WHERE e."hostId" = NEW.id AND e.tx = pg_current_xact_id()::text::bigint AND e.kind = 'host_enrolled')
  ) AS change
  ORDER BY change.at;
  RETURN NEW;
END
$$;

-- PostgreSQL reads the condition again for each statement, so it is short: for some columns, any change calls the function,
-- which then finds nothing to record.
CREATE TRIGGER host_history BEFORE UPDATE ON "hosts" FOR EACH ROW WHEN (
  NEW."lastSeenAt" - OLD."lastSeenAt" > COALESCE(OLD."heartbeatSeconds", 10) * interval '3 seconds'
  OR NEW."lastSeenAt" < OLD."lastSeenAt" AND NEW."endedSilences" IS NOT NULL
  OR NEW."agentProblems" <> OLD."agentProblems"
  OR NEW."snapshotRefusedAt" IS DISTINCT FROM OLD."snapshotRefusedAt"
  OR NEW."truncatedSince" IS DISTINCT FROM OLD."truncatedSince"
  OR NEW."cloneSuspectedAt" IS DISTINCT FROM OLD."cloneSuspectedAt"
  OR NEW."agentVersion" <> OLD."agentVersion"
  OR NEW."engineVersion" <> OLD."engineVersion"
  OR NEW."engineName" <> OLD."engineName"
  OR NEW."leftAt" IS DISTINCT FROM OLD."leftAt"
  OR OLD."observedAt" IS NULL AND NEW."observedAt" IS NOT NULL
) EXECUTE FUNCTION record_host_history();
