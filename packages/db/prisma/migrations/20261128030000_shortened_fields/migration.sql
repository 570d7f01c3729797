-- AlterTable
ALTER TABLE "containers" ADD COLUMN     "truncated" TEXT[] DEFAULT ARRAY[]::TEXT[];

-- AlterTable
ALTER TABLE "hosts" ADD COLUMN     "truncatedCount" INTEGER NOT NULL DEFAULT 0;
