-- CreateTable
CREATE TABLE "leases" (
    "name" TEXT NOT NULL,
    "epoch" BIGINT NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "leases_pkey" PRIMARY KEY ("name")
);
