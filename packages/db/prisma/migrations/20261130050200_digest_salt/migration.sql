-- CreateTable
CREATE TABLE "digest_salts" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "parserVersion" TEXT NOT NULL,
    "epoch" INTEGER NOT NULL,
    "isMixed" BOOLEAN NOT NULL,
    "previousSalt" TEXT,
    "changedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "digest_salts_pkey" PRIMARY KEY ("id")
);

-- Hosts exist only if an earlier version has written their digests. The digests of version 0.2.0 have the salt 2.1. Its
-- replicas may still be running, and they do not record themselves.
INSERT INTO "digest_salts" ("parserVersion", "epoch", "isMixed", "previousSalt", "changedAt")
SELECT '2.1', 0, true, NULL, now() WHERE EXISTS (SELECT FROM "hosts");
