-- The number of present containers that exited with an error. The next snapshot of each host counts them.
ALTER TABLE "hosts" ADD COLUMN     "failedCount" INTEGER NOT NULL DEFAULT 0;
