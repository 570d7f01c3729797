-- The projects of present containers, which GET /api/projects steps through (ADR 22). Versions before 0.4 use
-- containers_project_idx, which a later version drops.
CREATE INDEX CONCURRENTLY "containers_workload_project_idx" ON "containers" ("organizationId", (left(COALESCE("project", NULLIF("container_project"("labels"), '')), 200) COLLATE "C"), "hostId") WHERE ("removedAt" IS NULL AND COALESCE("project", NULLIF("container_project"("labels"), '')) IS NOT NULL);
