-- What crash loops are found from: the recent exits with an error.
CREATE INDEX CONCURRENTLY "container_events_errors_idx" ON "container_events"("organizationId", "recordedAt") WHERE ("exitCode" <> (0)::double precision);
