-- AlterTable
ALTER TABLE "container_events" ADD COLUMN     "exits" JSONB;

-- AlterTable
ALTER TABLE "containers" ADD COLUMN     "exitTimes" TIMESTAMPTZ(3)[],
ADD COLUMN     "loop" JSONB,
ADD COLUMN     "loopingSince" TIMESTAMPTZ(3);
