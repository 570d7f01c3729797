-- What retention reads: hosts that were deleted.
CREATE INDEX CONCURRENTLY "hosts_deletedAt_idx" ON "hosts"("deletedAt") WHERE ("deletedAt" IS NOT NULL);
