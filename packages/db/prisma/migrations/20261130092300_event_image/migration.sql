-- AlterTable
ALTER TABLE "container_events" ADD COLUMN     "image" TEXT;
