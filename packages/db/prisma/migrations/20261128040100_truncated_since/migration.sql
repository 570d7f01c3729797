-- Since when containers of a host have shortened fields.
ALTER TABLE "hosts" ADD COLUMN     "truncatedSince" TIMESTAMPTZ(3);

UPDATE "hosts" SET "truncatedSince" = COALESCE("confirmedAt", "lastSeenAt", "enrolledAt") WHERE "truncatedCount" > 0;
