-- Recent exits with an error. GET /api/attention finds crash loops in them.
CREATE INDEX CONCURRENTLY "container_events_errors_idx" ON "container_events"("organizationId", "recordedAt") WHERE ("exitCode" <> ALL (ARRAY[(0)::double precision, (130)::double precision, (143)::double precision, ('3221225786'::bigint)::double precision]));
