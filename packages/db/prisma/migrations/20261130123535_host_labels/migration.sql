-- AlterTable
ALTER TABLE "enrollment_tokens" ADD COLUMN     "labels" JSONB NOT NULL DEFAULT '{}';

-- AlterTable
ALTER TABLE "hosts" ADD COLUMN     "agentLabels" JSONB NOT NULL DEFAULT '{}',
ADD COLUMN     "enrollmentTokenLabels" JSONB NOT NULL DEFAULT '{}',
ADD COLUMN     "labels" JSONB NOT NULL DEFAULT '{}',
ADD COLUMN     "operatorLabels" JSONB NOT NULL DEFAULT '{}';
