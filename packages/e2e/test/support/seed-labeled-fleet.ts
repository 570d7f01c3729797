import { randomUUID } from 'node:crypto';
import type { HostEventKind } from '@muster/contracts';
import type { TestDatabase } from '@muster/db/testing';

const HOUR_MS = 3_600_000;
const SITES = ['ams', 'fra', 'iad', 'muc', 'sin'] as const;
const ROLES = ['web', 'db', 'cache', 'edge', 'build'] as const;
const TEAMS = ['checkout', 'platform', 'search'] as const;

const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * HOUR_MS);

/** The name of the host with the longest history. */
export const HOST_WITH_HISTORY = 'fra-web-02';
/** The name that several hosts share. */
export const SHARED_NAME = 'buildbox';

type SeededEvent = [kind: HostEventKind, hours: number, from: object | null, to: object | null];

/** The events of a silence that began `hours` hours ago and lasted `lasted` hours. */
const silence = (hours: number, lasted: number): SeededEvent[] => {
  const since = hoursAgo(hours).toISOString();
  return [
    ['host_stale', hours - 0.02, null, { since }],
    ['host_offline', hours - 0.1, null, { since }],
    ['host_back', hours - lasted, { state: 'offline', since }, { silentSeconds: lasted * 3_600 }],
  ];
};

/** One event of each important kind. */
function longHistory(): SeededEvent[] {
  const down = { code: 'engine_unreachable', message: 'connect ECONNREFUSED /var/run/docker.sock' };
  return [
    ...silence(500, 9),
    ...silence(75, 4),
    ['engine_upgraded', 70, { name: 'Docker', version: '28.3.1' }, { name: 'Docker', version: '28.5.2' }],
    ['engine_down', 40, null, down],
    ['engine_up', 38.5, { ...down, since: hoursAgo(40).toISOString() }, null],
    ['agent_upgraded', 22, { version: '0.4.0' }, { version: '0.5.0' }],
    ['host_renamed', 20, { name: 'ip-10-1-0-2' }, { name: HOST_WITH_HISTORY }],
    ['labels_changed', 19, { labels: { env: 'test' } }, { labels: { env: 'staging', pci: 'true' } }],
    ...silence(9, 0.4),
  ];
}

/**
 * Inserts hosts with labels of all three sources, with facts, and with a history of 20 days. Of 25 hosts, one is
 * offline and one is stale. Four hosts have the same name. The heartbeat interval of one hour keeps the other hosts
 * online.
 */
export async function seedLabeledFleet({ prisma }: TestDatabase, hosts: number): Promise<void> {
  const { id: organizationId } = await prisma.organization.findFirstOrThrow();
  const rows = Array.from({ length: hosts }, (_, index) => {
    const site = SITES[index % 5]!;
    const role = ROLES[Math.floor(index / 5) % 5]!;
    const own = `${site}-${role}-${String(Math.floor(index / 25) + 1).padStart(2, '0')}`;
    const name = index === 26 ? HOST_WITH_HISTORY : index % 25 === 24 && index < 100 ? SHARED_NAME : own;
    const silentHours = index % 25 === 7 ? 31 : index % 25 === 16 ? 4 : 0;
    const enrollmentTokenLabels = { team: TEAMS[index % 3]!, 'owner.example.com/cost-center': '4711' };
    const agentLabels = { site, role, 'topology.kubernetes.io/zone': `${site}-1${'abc'[index % 3]!}` };
    const operatorLabels = {
      env: index % 10 < 6 ? 'prod' : index % 10 < 8 ? 'staging' : 'test',
      ...(index === 26 ? { pci: 'true', team: 'payments' } : {}),
    };
    const stateCounts = { running: 5, ...(index % 9 === 0 ? { exited: 1 } : {}) };
    return {
      id: randomUUID(),
      ...{ organizationId, name, engineId: `${String(index).padStart(4, '0')}F00D-${randomUUID()}` },
      ...{ engineName: index % 4 === 0 ? 'Podman' : 'Docker', engineVersion: index % 4 === 0 ? '5.4.0' : '28.5.2' },
      ...{ engineApiVersion: '1.51', os: 'Debian GNU/Linux 12 (bookworm)', arch: 'x86_64' },
      ...{ agentVersion: index % 7 === 0 ? '0.4.0' : '0.5.0', revision: 1, heartbeatSeconds: 3_600 },
      labels: { ...enrollmentTokenLabels, ...agentLabels, ...operatorLabels },
      ...{ operatorLabels, agentLabels, enrollmentTokenLabels },
      ...{ containerCount: Object.values(stateCounts).reduce((sum, count) => sum + count, 0), stateCounts },
      ...{ lastSeenAt: hoursAgo(silentHours), confirmedAt: hoursAgo(silentHours) },
      ...{ enrolledAt: hoursAgo(20 * 24 + (index % 25)), firstSnapshotAt: hoursAgo(20 * 24 + (index % 25)) },
    };
  });
  await prisma.host.createMany({ data: rows });
  await prisma.hostFacts.createMany({
    data: rows.map(({ id }, index) => ({
      hostId: id,
      addresses: [`10.1.${Math.floor(index / 250)}.${(index % 250) + 1}`, `fd00:1::${(index + 1).toString(16)}`],
      ...{ kernel: '6.1.0-40-amd64', cpus: 8, memoryBytes: BigInt(32 * 1024 ** 3) },
      engineFacts: {
        rootless: false,
        cgroupVersion: '2',
        storageDriver: 'overlay2',
        swarmRole: null,
        swarmNodeId: null,
      },
    })),
  });
  await prisma.$executeRaw`
    INSERT INTO containers ("hostId", "dockerId", "organizationId", name, image, command, state, status, ports, labels,
      digest, "firstSeenAt", "changedAt")
    SELECT h.id, md5(h.id::text || n), h."organizationId",
      (ARRAY['shop-web-1', 'shop-api-1', 'redis', 'node-exporter', 'log-shipper', 'migrate'])[n],
      (ARRAY['shop/web:41', 'shop/api:41', 'redis:8.2', 'prom/node-exporter:1.9', 'fluent-bit:4.0', 'shop/api:41'])[n],
      'app', CASE WHEN n = 6 THEN 'exited' ELSE 'running' END, CASE WHEN n = 6 THEN 'Exited (0) 2 days ago' ELSE 'Up 2 days' END,
      CASE WHEN n = 1 THEN '[{"ip":"0.0.0.0","privatePort":80,"publicPort":8080,"type":"tcp"}]'::jsonb ELSE '[]'::jsonb END,
      '{}', md5(h.id::text || n), now() - interval '2 days', now() - interval '2 days'
    FROM hosts h, generate_series(1, 6) n WHERE n <= h."containerCount"`;
  let id = 0n;
  await prisma.hostEvent.createMany({
    data: rows.flatMap(({ id: hostId, name, engineId, labels, enrolledAt }, index) => {
      const enrolledHours = (Date.now() - enrolledAt.getTime()) / HOUR_MS;
      const enrolled: SeededEvent = ['host_enrolled', enrolledHours, null, { name, engineId, labels }];
      const later = index === 26 ? longHistory() : index % 8 === 3 ? silence(30 + (index % 90), 0.2 + index / 60) : [];
      return [enrolled, ...later].map(([kind, hours, from, to]) => ({
        ...{ tx: 1n, id: (id += 1n), hostId, organizationId, kind, at: hoursAgo(hours), recordedAt: hoursAgo(hours) },
        ...(from === null ? {} : { from }),
        ...(to === null ? {} : { to }),
      }));
    }),
  });
  await prisma.$executeRaw`ANALYZE`;
}
