-- Rewrites both tables and builds their indexes anew, as the migration before the last one did. An exit code of Windows
-- has 32 bits unsigned; a double holds it exactly, and comes as a number from every driver, which an int8 does not.

-- AlterTable
ALTER TABLE "container_events" ALTER COLUMN "exitCode" SET DATA TYPE DOUBLE PRECISION;

-- AlterTable
ALTER TABLE "containers" ALTER COLUMN "exitCode" SET DATA TYPE DOUBLE PRECISION;
