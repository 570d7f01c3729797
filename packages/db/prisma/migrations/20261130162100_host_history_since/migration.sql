-- AlterTable
ALTER TABLE "service_liveness" ADD COLUMN     "hostHistorySince" TIMESTAMPTZ(3);

-- A database that was already in use has no events of hosts from before this migration.
UPDATE "service_liveness" SET "hostHistorySince" = now();
