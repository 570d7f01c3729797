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

-- Names that operators have set stay, although the machines report others.
UPDATE "hosts" SET "nameSetByOperator" = true
WHERE "id"::text IN (SELECT substr("target", 6) FROM "audit_entries" WHERE "action" = 'host.renamed');
