-- The containers of a build of an image, by digest or, for containers without one, by image id (ADR 23).
CREATE INDEX CONCURRENTLY "containers_build_idx" ON "containers" ("organizationId", (left(COALESCE("imageDigest", "imageId"), 200) COLLATE "C"));
