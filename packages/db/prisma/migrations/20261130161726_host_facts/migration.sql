-- AlterTable
ALTER TABLE "hosts" ADD COLUMN     "factsChangedAt" TIMESTAMPTZ(3),
ADD COLUMN     "nameSetByOperator" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "host_facts" (
    "hostId" UUID NOT NULL,
    "name" TEXT,
    "addresses" JSONB,
    "kernel" TEXT,
    "cpus" INTEGER,
    "memoryBytes" BIGINT,
    "engineFacts" JSONB,

    CONSTRAINT "host_facts_pkey" PRIMARY KEY ("hostId")
);

-- AddForeignKey
ALTER TABLE "host_facts" ADD CONSTRAINT "host_facts_hostId_fkey" FOREIGN KEY ("hostId") REFERENCES "hosts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- In earlier versions, only operators rename hosts. Replicas of these versions, which may run alongside this one, record
-- neither the event nor that an operator set the name. This version records the event before it changes the name.
CREATE FUNCTION record_host_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM "host_events" AS e
    WHERE e."hostId" = NEW.id AND e.tx = pg_current_xact_id()::text::bigint AND e.kind = 'host_renamed')
  THEN
    NEW."nameSetByOperator" := true;
    INSERT INTO "host_events" (tx, id, "hostId", "organizationId", kind, "from", "to", at, "recordedAt")
    VALUES (pg_current_xact_id()::text::bigint, nextval('container_events_id_seq'), NEW.id, NEW."organizationId",
      'host_renamed', jsonb_build_object('name', OLD.name), jsonb_build_object('name', NEW.name),
      clock_timestamp(), clock_timestamp());
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER host_name BEFORE UPDATE OF name ON "hosts" FOR EACH ROW
WHEN (NEW."deletedAt" IS NULL AND NEW.name <> OLD.name) EXECUTE FUNCTION record_host_name();
