-- The containers of a workload, present and removed. Lists filter by it, and the search for crash loops finds the newest
-- container of each workload with it (ADR 22).
CREATE INDEX CONCURRENTLY "containers_workload_idx" ON "containers" ("organizationId", (left(COALESCE("service", "container_service"("labels")), 200) COLLATE "C"), (left(COALESCE("project", "container_project"("labels"), ''), 200) COLLATE "C"), (left(COALESCE("instance", ''), 200) COLLATE "C"), "hostId");
