-- AlterTable
ALTER TABLE "container_events" ADD COLUMN     "exitReason" TEXT,
ADD COLUMN     "instance" TEXT,
ADD COLUMN     "project" TEXT,
ADD COLUMN     "service" TEXT,
ADD COLUMN     "workloadKind" TEXT;
