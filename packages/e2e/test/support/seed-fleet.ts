import type { TestDatabase } from '@muster/db/testing';

/**
 * Inserts hosts and their containers directly into the database, because agents would take minutes to report so many
 * containers. The hosts are named `host-1`, `host-2` and so on, and the containers `app-HOST-CONTAINER`. The heartbeat
 * interval of one hour keeps the hosts online for the whole test.
 */
export async function seedFleet({ prisma }: TestDatabase, hosts: number, containersPerHost: number): Promise<void> {
  const { id: organizationId } = await prisma.organization.findFirstOrThrow();
  await prisma.$executeRaw`
    INSERT INTO hosts (id, "organizationId", name, "engineId", "engineName", "engineVersion", "engineApiVersion", os, arch,
      "agentVersion", revision, "containerCount", "stateCounts", "heartbeatSeconds", "lastSeenAt",
      "confirmedAt", "enrolledAt")
    SELECT gen_random_uuid(), ${organizationId}, 'host-' || n, 'engine-' || n, 'Docker', '28.5.2', '1.51', 'Debian', 'x86_64',
      '0.1.0', 1, ${containersPerHost}, jsonb_build_object('running', ${containersPerHost}::int), 3600, now(),
      now(), now()
    FROM generate_series(1, ${hosts}::int) n`;
  // There are 100 statements, because a single statement would exceed the statement timeout.
  for (let batch = 0; batch < 100; batch += 1) {
    await prisma.$executeRaw`
      INSERT INTO containers ("hostId", "dockerId", "organizationId", name, image, command, state, status, ports, labels,
        digest, "firstSeenAt", "changedAt")
      SELECT h.id, md5(h.name || n), h."organizationId", replace(h.name, 'host', 'app') || '-' || n, 'registry.example.com/app:' || n,
        'app', 'running', 'Up 5 minutes', '[]', '{}', md5(h.name || n), now(), now()
      FROM hosts h, generate_series(1, ${containersPerHost}::int) n
      WHERE substr(h."engineId", 8)::int % 100 = ${batch}::int`;
  }
  await prisma.$executeRaw`ANALYZE`;
}
