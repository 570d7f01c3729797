-- A suspicion ends a day after the clone was last seen, but the columns stayed. The history of hosts, which begins with
-- the next migration, would otherwise contain the ends of old suspicions.
UPDATE "hosts" SET "cloneSuspectedAt" = NULL, "cloneSuspectedSince" = NULL
WHERE "cloneSuspectedAt" < now() - interval '24 hours';
