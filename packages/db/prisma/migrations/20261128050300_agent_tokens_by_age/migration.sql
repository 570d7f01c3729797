-- What a rotation reads: a host's newest token.
CREATE INDEX CONCURRENTLY "agent_tokens_hostId_createdAt_idx" ON "agent_tokens"("hostId", "createdAt");
