-- CreateTable
CREATE TABLE "replicas" (
    "id" UUID NOT NULL,
    "version" TEXT NOT NULL,
    "parserVersion" TEXT NOT NULL,
    "startedAt" TIMESTAMPTZ(3) NOT NULL,
    "lastSeenAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "replicas_pkey" PRIMARY KEY ("id")
);
