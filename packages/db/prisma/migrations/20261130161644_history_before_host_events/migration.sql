-- The hosts that exist already were enrolled, and some of their agents left, before their history began. These events
-- precede the first transaction (like those of `rebaseEventIds`), because they are not news for clients of the stream.
-- The trigger may already have recorded some of them.
INSERT INTO "host_events" (tx, id, "hostId", "organizationId", kind, "to", at, "recordedAt")
SELECT 2, nextval('container_events_id_seq'), id, "organizationId", kind, "to", at, now()
FROM (
  SELECT h.id, h."organizationId", 'host_enrolled' AS kind,
    jsonb_build_object('name', h.name, 'engineId', h."engineId") AS "to", h."enrolledAt" AS at
  FROM "hosts" AS h
  WHERE h."deletedAt" IS NULL AND NOT EXISTS (
    SELECT FROM "host_events" AS e
    WHERE e."hostId" = h.id AND e.kind = 'host_enrolled' AND NOT COALESCE(e."to" ? 'again', FALSE))
  UNION ALL
  SELECT h.id, h."organizationId", 'host_left', NULL, h."leftAt"
  FROM "hosts" AS h
  WHERE h."deletedAt" IS NULL AND h."leftAt" IS NOT NULL AND NOT EXISTS (
    SELECT FROM "host_events" AS e WHERE e."hostId" = h.id AND e.kind = 'host_left' AND e.at = h."leftAt")
  ORDER BY at, id, kind
) AS earlier;
