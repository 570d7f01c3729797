-- What keeps a host's state from being current or complete, and whether its agent left.
ALTER TABLE "hosts" ADD COLUMN     "agentProblems" JSONB NOT NULL DEFAULT '[]',
ADD COLUMN     "cloneSuspectedSince" TIMESTAMPTZ(3),
ADD COLUMN     "leftAt" TIMESTAMPTZ(3),
ADD COLUMN     "snapshotRefusedAt" TIMESTAMPTZ(3),
ADD COLUMN     "snapshotRefusedReason" TEXT;

-- An engine that cannot be reached, and a clone that is suspected, are problems from now on.
UPDATE "hosts" SET
  "agentProblems" = CASE WHEN "engineError" IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(jsonb_build_object(
    'code', 'engine_unreachable', 'message', "engineError", 'since', COALESCE("confirmedAt", "enrolledAt"))) END,
  "cloneSuspectedSince" = "cloneSuspectedAt"
WHERE "engineError" IS NOT NULL OR "cloneSuspectedAt" IS NOT NULL;
