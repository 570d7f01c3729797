-- CreateTable
CREATE TABLE "retention_steps" (
    "step" TEXT NOT NULL,
    "succeededAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "retention_steps_pkey" PRIMARY KEY ("step")
);
