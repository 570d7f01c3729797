-- CreateEnum
CREATE TYPE "api_key_role" AS ENUM ('admin', 'viewer');

-- CreateTable
CREATE TABLE "organizations" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "slug" TEXT NOT NULL,
    "logo" TEXT,
    "metadata" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "organizations_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "hosts" (
    "id" UUID NOT NULL,
    "organizationId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "engineId" TEXT NOT NULL,
    "engineName" TEXT NOT NULL,
    "engineVersion" TEXT NOT NULL,
    "engineApiVersion" TEXT NOT NULL,
    "os" TEXT NOT NULL,
    "arch" TEXT NOT NULL,
    "agentVersion" TEXT NOT NULL,
    "revision" INTEGER NOT NULL DEFAULT 0,
    "digest" TEXT,
    "containerCount" INTEGER NOT NULL DEFAULT 0,
    "stream" UUID,
    "sequence" BIGINT,
    "observedAt" TIMESTAMPTZ(3),
    "streamHeardAt" TIMESTAMPTZ(3),
    "supersededStreams" JSONB NOT NULL DEFAULT '[]',
    "lastSeenAt" TIMESTAMPTZ(3),
    "confirmedAt" TIMESTAMPTZ(3),
    "engineError" TEXT,
    "cloneSuspectedAt" TIMESTAMPTZ(3),
    "enrolledAt" TIMESTAMPTZ(3) NOT NULL,
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "hosts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "agent_tokens" (
    "id" UUID NOT NULL,
    "hash" BYTEA NOT NULL,
    "hostId" UUID NOT NULL,
    "enrollmentTokenId" UUID,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "firstUsedAt" TIMESTAMPTZ(3),
    "lastUsedAt" TIMESTAMPTZ(3),
    "expiresAt" TIMESTAMPTZ(3),
    "revokedAt" TIMESTAMPTZ(3),

    CONSTRAINT "agent_tokens_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "enrollment_tokens" (
    "id" UUID NOT NULL,
    "organizationId" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "name" TEXT NOT NULL,
    "maxUses" INTEGER NOT NULL,
    "uses" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "revokedAt" TIMESTAMPTZ(3),
    "createdBy" TEXT NOT NULL,

    CONSTRAINT "enrollment_tokens_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" UUID NOT NULL,
    "organizationId" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "name" TEXT NOT NULL,
    "role" "api_key_role" NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3),
    "lastUsedAt" TIMESTAMPTZ(3),
    "revokedAt" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "containers" (
    "hostId" UUID NOT NULL,
    "dockerId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "image" TEXT NOT NULL,
    "imageId" TEXT,
    "command" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "ports" JSONB NOT NULL,
    "labels" JSONB NOT NULL,
    "startedAt" TIMESTAMPTZ(3),
    "health" TEXT,
    "exitCode" INTEGER,
    "digest" TEXT NOT NULL,
    "firstSeenAt" TIMESTAMPTZ(3) NOT NULL,
    "changedAt" TIMESTAMPTZ(3) NOT NULL,
    "removedAt" TIMESTAMPTZ(3),

    CONSTRAINT "containers_pkey" PRIMARY KEY ("hostId","dockerId")
);

-- CreateTable
CREATE TABLE "container_events" (
    "tx" BIGINT NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "hostId" UUID NOT NULL,
    "dockerId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "from" JSONB,
    "to" JSONB,
    "exitCode" INTEGER,
    "observedAt" TIMESTAMPTZ(3) NOT NULL,
    "recordedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "container_events_pkey" PRIMARY KEY ("hostId","tx","id")
);

-- CreateTable
CREATE TABLE "audit_entries" (
    "id" BIGSERIAL NOT NULL,
    "organizationId" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "details" JSONB NOT NULL DEFAULT '{}',

    CONSTRAINT "audit_entries_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "service_liveness" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "aliveAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "service_liveness_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "service_outages" (
    "startedAt" TIMESTAMPTZ(3) NOT NULL,
    "endedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "service_outages_pkey" PRIMARY KEY ("startedAt")
);

-- CreateIndex
CREATE UNIQUE INDEX "organizations_slug_key" ON "organizations"("slug");

-- CreateIndex
CREATE INDEX "hosts_organizationId_name_id_idx" ON "hosts"("organizationId", "name", "id");

-- CreateIndex
CREATE UNIQUE INDEX "hosts_organizationId_engineId_key" ON "hosts"("organizationId", "engineId") WHERE ("deletedAt" IS NULL);

-- CreateIndex
CREATE UNIQUE INDEX "agent_tokens_hash_key" ON "agent_tokens"("hash");

-- CreateIndex
CREATE INDEX "agent_tokens_hostId_idx" ON "agent_tokens"("hostId");

-- CreateIndex
CREATE INDEX "agent_tokens_enrollmentTokenId_idx" ON "agent_tokens"("enrollmentTokenId");

-- CreateIndex
CREATE UNIQUE INDEX "enrollment_tokens_hash_key" ON "enrollment_tokens"("hash");

-- CreateIndex
CREATE INDEX "enrollment_tokens_organizationId_id_idx" ON "enrollment_tokens"("organizationId", "id");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_hash_key" ON "api_keys"("hash");

-- CreateIndex
CREATE INDEX "api_keys_organizationId_idx" ON "api_keys"("organizationId");

-- CreateIndex
CREATE INDEX "containers_present_idx" ON "containers"("hostId") WHERE ("removedAt" IS NULL);

-- CreateIndex
CREATE INDEX "containers_removed_idx" ON "containers"("hostId", "removedAt") WHERE ("removedAt" IS NOT NULL);

-- CreateIndex
CREATE INDEX "containers_state_idx" ON "containers"("state");

-- CreateIndex
CREATE INDEX "containers_health_idx" ON "containers"("health") WHERE ("health" IS NOT NULL);

-- CreateIndex
CREATE INDEX "containers_labels_idx" ON "containers" USING GIN ("labels");

-- CreateIndex
CREATE INDEX "container_events_tx_id_idx" ON "container_events"("tx", "id");

-- CreateIndex
CREATE INDEX "audit_entries_organizationId_id_idx" ON "audit_entries"("organizationId", "id" DESC);

-- AddForeignKey
ALTER TABLE "hosts" ADD CONSTRAINT "hosts_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES "organizations"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "agent_tokens" ADD CONSTRAINT "agent_tokens_hostId_fkey" FOREIGN KEY ("hostId") REFERENCES "hosts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "agent_tokens" ADD CONSTRAINT "agent_tokens_enrollmentTokenId_fkey" FOREIGN KEY ("enrollmentTokenId") REFERENCES "enrollment_tokens"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "enrollment_tokens" ADD CONSTRAINT "enrollment_tokens_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES "organizations"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES "organizations"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "containers" ADD CONSTRAINT "containers_hostId_fkey" FOREIGN KEY ("hostId") REFERENCES "hosts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "container_events" ADD CONSTRAINT "container_events_hostId_fkey" FOREIGN KEY ("hostId") REFERENCES "hosts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "audit_entries" ADD CONSTRAINT "audit_entries_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES "organizations"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- What follows is written by hand: Prisma has no words for it.

-- Room on each page for the next version of a row, so that an update which touches no indexed column stays there (HOT).
ALTER TABLE "hosts" SET (fillfactor = 70);
ALTER TABLE "containers" SET (fillfactor = 85);

-- Search and order by name, the same on every server whatever its locale: queries say left("name", 200) COLLATE "C".
-- A whole name may be 1,024 wide characters, more than an index entry can be.
CREATE INDEX "containers_name_idx" ON "containers" ((left("name", 200) COLLATE "C"), "hostId", "dockerId");

-- Truths that no bug above the database may break.
ALTER TABLE "hosts"
    ADD CONSTRAINT "hosts_revision_check" CHECK ("revision" >= 0),
    ADD CONSTRAINT "hosts_containerCount_check" CHECK ("containerCount" >= 0),
    ADD CONSTRAINT "hosts_stream_check" CHECK (("stream" IS NULL) = ("sequence" IS NULL)),
    ADD CONSTRAINT "hosts_supersededStreams_check" CHECK (jsonb_typeof("supersededStreams") = 'array');
ALTER TABLE "agent_tokens"
    ADD CONSTRAINT "agent_tokens_hash_check" CHECK (octet_length("hash") = 32);
ALTER TABLE "enrollment_tokens"
    ADD CONSTRAINT "enrollment_tokens_hash_check" CHECK (octet_length("hash") = 32),
    ADD CONSTRAINT "enrollment_tokens_uses_check" CHECK ("uses" BETWEEN 0 AND "maxUses"),
    ADD CONSTRAINT "enrollment_tokens_maxUses_check" CHECK ("maxUses" > 0);
ALTER TABLE "api_keys"
    ADD CONSTRAINT "api_keys_hash_check" CHECK (octet_length("hash") = 32);
ALTER TABLE "containers"
    ADD CONSTRAINT "containers_ports_check" CHECK (jsonb_typeof("ports") = 'array'),
    ADD CONSTRAINT "containers_labels_check" CHECK (jsonb_typeof("labels") = 'object');
ALTER TABLE "service_liveness"
    ADD CONSTRAINT "service_liveness_id_check" CHECK ("id" = 1);
ALTER TABLE "service_outages"
    ADD CONSTRAINT "service_outages_endedAt_check" CHECK ("endedAt" >= "startedAt");
