-- Columns without a default: no table is rewritten.
ALTER TABLE "enrollment_tokens" ADD COLUMN "hostId" UUID;

ALTER TABLE "hosts" ADD COLUMN "tokensRevokedAt" TIMESTAMPTZ(3), ADD COLUMN "purgedAt" TIMESTAMPTZ(3);
