-- The present containers of a workload. Lists filter by it, and the search for crash loops finds the newest container of
-- each workload with it (ADR 22). A task that fails every few seconds leaves thousands of removed containers, so these
-- have an index of their own.
CREATE INDEX CONCURRENTLY "containers_present_workload_idx" ON "containers" ("organizationId", (left(COALESCE("service", NULLIF("container_service"("labels"), '')), 200) COLLATE "C"), (left(COALESCE("project", NULLIF("container_project"("labels"), ''), ''), 200) COLLATE "C"), (left(COALESCE("instance", ''), 200) COLLATE "C"), "hostId") WHERE ("removedAt" IS NULL);
