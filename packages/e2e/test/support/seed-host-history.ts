import type { withConnection } from '@muster/testkit/databases';

type Client = Parameters<Parameters<typeof withConnection>[1]>[0];

/**
 * Inserts hosts with labels, facts and a history of 30 days. The hosts were enrolled 90 days ago. Each host has
 * `eventsPerHost` events: three events for each silence, and two events for each downtime of the engine. The events are
 * stored in the order of their times, as if they had been recorded. Every 20th host is offline. The heartbeat interval
 * of one hour keeps the other hosts online.
 */
export async function seedHostHistory(client: Client, hosts: number, eventsPerHost: number): Promise<void> {
  const { rows } = await client.query<{ id: string }>('SELECT id FROM organizations LIMIT 1');
  const organizationId = rows[0]!.id;
  await client.query(
    `INSERT INTO hosts (id, "organizationId", name, "engineId", "engineName", "engineVersion", "engineApiVersion", os, arch,
       "agentVersion", "agentLabels", labels, revision, "containerCount", "stateCounts", "heartbeatSeconds", "lastSeenAt",
       "observedAt", "confirmedAt", "firstSnapshotAt", "enrolledAt", "recordedSilence")
     SELECT gen_random_uuid(), $1, 'host-' || to_char(n, 'FM00000'), 'engine-' || n, 'Docker', '28.5.' || n % 3, '1.51',
       'Debian GNU/Linux 12', 'x86_64', '0.5.' || n % 4, labels, labels, 1, 50,
       jsonb_build_object('running', 45, 'exited', 5, 'health:healthy', n % 20), 3600, seen_at, seen_at, seen_at,
       now() - interval '90 days', now() - interval '90 days',
       CASE WHEN n % 20 = 0 THEN jsonb_build_object('from', seen_at, 'state', 'offline') END
     FROM generate_series(1, $2::int) AS n
       CROSS JOIN LATERAL (SELECT jsonb_build_object(
         'env', (ARRAY['prod', 'prod', 'prod', 'staging', 'test'])[1 + n % 5], 'site', 'site-' || n % 20,
         'rack', 'rack-' || n % 500, 'team', 'team-' || n % 40, 'role', 'role-' || n % 12)) AS l (labels)
       CROSS JOIN LATERAL (SELECT CASE WHEN n % 20 = 0 THEN now() - interval '2 hours' ELSE now() END) AS s (seen_at)`,
    [organizationId, hosts],
  );
  await client.query(
    `INSERT INTO host_facts ("hostId", name, addresses, kernel, cpus, "memoryBytes", "engineFacts")
     SELECT id, name, jsonb_build_array('10.' || n / 65536 || '.' || n / 256 % 256 || '.' || n % 256, '192.168.0.' || n % 256),
       '6.1.0-40-amd64', 8, 34359738368, '{"rootless": false, "cgroupVersion": "2", "storageDriver": "overlay2"}'
     FROM (SELECT id, name, substr("engineId", 8)::int AS n FROM hosts) AS h`,
  );
  // Every eighth incident is a downtime of the engine (two events). All other incidents are silences (three events).
  // The host's last incident is two days ago or earlier.
  await client.query(
    `WITH instants AS (
       SELECT h.id, event, incident, is_engine, round, from_at, h.n
       FROM (SELECT id, substr("engineId", 8)::int AS n FROM hosts) AS h
         CROSS JOIN generate_series(0, $2::int - 1) AS event
         CROSS JOIN LATERAL (SELECT event / 23 AS round, event % 23 AS place) AS p
         CROSS JOIN LATERAL (SELECT place >= 21 AS is_engine, LEAST(place / 3, 7) AS incident) AS i
         CROSS JOIN LATERAL (SELECT now() - interval '2 days' - (interval '28 days' / ceil($2::int / 23.0) / 8)
           * (round * 8 + incident + (h.n % 97) / 97.0) AS from_at) AS f
     ), steps AS (
       SELECT id, from_at, is_engine, CASE WHEN is_engine THEN event % 23 - 21 ELSE event % 23 % 3 END AS step FROM instants
     ), events AS (
       SELECT id, (ARRAY['host_stale', 'host_offline', 'host_back'])[step + 1] AS kind,
         from_at + (ARRAY[interval '30 seconds', interval '5 minutes', interval '20 minutes'])[step + 1] AS at,
         CASE WHEN step = 2 THEN jsonb_build_object('state', 'offline', 'since', iso) END AS "from",
         CASE WHEN step < 2 THEN jsonb_build_object('since', iso) ELSE '{"silentSeconds": 1200}' END AS "to"
       FROM steps, LATERAL (SELECT to_char(from_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) AS t (iso)
       WHERE NOT is_engine
       UNION ALL
       SELECT id, (ARRAY['engine_down', 'engine_up'])[step + 1], from_at + step * interval '4 minutes',
         CASE WHEN step = 1 THEN jsonb_build_object('code', 'engine_unreachable', 'message', 'connect ECONNREFUSED',
           'since', to_char(from_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) END,
         CASE WHEN step = 0 THEN '{"code": "engine_unreachable", "message": "connect ECONNREFUSED"}'::jsonb END
       FROM steps WHERE is_engine
       UNION ALL
       SELECT id, 'host_enrolled', "enrolledAt", NULL, jsonb_build_object('name', name, 'engineId', "engineId") FROM hosts
       UNION ALL
       SELECT id, 'host_offline', "lastSeenAt" + interval '10 minutes', NULL, jsonb_build_object('since',
         to_char("lastSeenAt" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
       FROM hosts WHERE "recordedSilence" IS NOT NULL
     )
     INSERT INTO host_events (tx, id, "hostId", "organizationId", kind, "from", "to", at, "recordedAt")
     SELECT 1 + row_number() OVER (ORDER BY at) / 1000, nextval('container_events_id_seq'), id, $1, kind, "from", "to", at, at
     FROM events ORDER BY at`,
    [organizationId, eventsPerHost],
  );
  await client.query(
    `INSERT INTO service_outages ("startedAt", "endedAt")
     SELECT now() - n * interval '1 day', now() - n * interval '1 day' + interval '1 minute' FROM generate_series(1, 30) AS n`,
  );
  await client.query('VACUUM (ANALYZE)');
}
