-- A migration of its own: in one transaction with the events, its locks could deadlock with a sync.
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
