-- The history of a service, across the containers and the hosts that it had.
CREATE INDEX CONCURRENTLY "container_events_service_idx" ON "container_events" ("organizationId", (left("service", 200) COLLATE "C"), "tx", "id") WHERE ("service" IS NOT NULL);
