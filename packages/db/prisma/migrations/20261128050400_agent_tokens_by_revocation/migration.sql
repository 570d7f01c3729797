-- What retention reads: tokens that were revoked long ago.
CREATE INDEX CONCURRENTLY "agent_tokens_revokedAt_idx" ON "agent_tokens"("revokedAt") WHERE ("revokedAt" IS NOT NULL);
