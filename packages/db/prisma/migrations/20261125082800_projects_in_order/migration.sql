-- What projects are listed by: one more index of present containers, of those that have a project. It names labels, which
-- a restart leaves alone (ADR 6). Building it takes some seconds for half a million containers; syncs wait meanwhile.

-- Written by Docker Compose, and by Podman's.
CREATE FUNCTION "container_project"("labels" JSONB) RETURNS TEXT LANGUAGE SQL IMMUTABLE PARALLEL SAFE
    RETURN COALESCE("labels" ->> 'com.docker.compose.project', "labels" ->> 'io.podman.compose.project');
CREATE FUNCTION "container_service"("labels" JSONB) RETURNS TEXT LANGUAGE SQL IMMUTABLE PARALLEL SAFE
    RETURN COALESCE("labels" ->> 'com.docker.compose.service', "labels" ->> 'io.podman.compose.service');

CREATE INDEX "containers_project_idx"
    ON "containers" ("organizationId", (left("container_project"("labels"), 200) COLLATE "C"), "hostId")
    WHERE "removedAt" IS NULL AND "container_project"("labels") IS NOT NULL;
