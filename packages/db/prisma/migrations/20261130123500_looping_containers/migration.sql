-- The containers whose exits are counted for a looping event (ADR 24).
CREATE INDEX CONCURRENTLY "containers_looping_idx" ON "containers" ("organizationId", "loopingSince") WHERE ("loopingSince" IS NOT NULL);
