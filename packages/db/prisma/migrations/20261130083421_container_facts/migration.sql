-- AlterTable
ALTER TABLE "container_events" ADD COLUMN     "exitReason" TEXT,
ADD COLUMN     "instance" TEXT,
ADD COLUMN     "project" TEXT,
ADD COLUMN     "service" TEXT,
ADD COLUMN     "workloadKind" TEXT;

-- AlterTable
ALTER TABLE "containers" ADD COLUMN     "exit" JSONB,
ADD COLUMN     "imageDigest" TEXT,
ADD COLUMN     "instance" TEXT,
ADD COLUMN     "isInfra" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "oomKilled" BOOLEAN,
ADD COLUMN     "project" TEXT,
ADD COLUMN     "restartCount" INTEGER,
ADD COLUMN     "service" TEXT,
ADD COLUMN     "workloadKind" TEXT;
