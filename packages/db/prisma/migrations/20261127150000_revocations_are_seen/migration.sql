ALTER TABLE "agent_tokens" ADD COLUMN "revokedTx" BIGINT;

CREATE INDEX "agent_tokens_revokedTx_idx" ON "agent_tokens"("revokedTx");

-- Tokens are revoked in many places. Each leaves the number of its transaction, so that others find all that was revoked
-- since they last looked: revokedAt is of a process's clock, and is set before it can be seen.
CREATE FUNCTION agent_token_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW."revokedTx" := pg_current_xact_id()::text::bigint;
  RETURN NEW;
END
$$;

CREATE TRIGGER agent_token_revoked BEFORE UPDATE OF "revokedAt" ON "agent_tokens"
FOR EACH ROW WHEN (NEW."revokedAt" IS NOT NULL) EXECUTE FUNCTION agent_token_revoked();
