import {
  SERVICE_DISCOVERY_HOSTS_MAX,
  type Freshness,
  type HostLabels,
  type ServiceDiscoveryQuery,
  type ServiceDiscoveryTargets,
} from '@muster/contracts';
import { Prisma } from '@muster/db';
import { isIPv6 } from 'node:net';
import { metricLabelName } from '../../lib/metric-label-name.js';
import { freshnessCutoffs, freshnessSql, type FreshnessSource } from '../freshness/index.js';
import { hasLabels } from './host-labels.sql.js';
import { PLATFORM } from './image-builds.sql.js';

interface HostRow {
  id: string;
  name: string;
  freshness: Freshness;
  platform: string | null;
  os: string;
  arch: string;
  engineName: string;
  engineVersion: string;
  agentVersion: string;
  labels: HostLabels;
  /** The addresses, the most important one first; null if the agent has not reported them. */
  addresses: string[] | null;
}

/** The beginning of the names of all labels. Prometheus removes labels that begin with two underscores. */
const PREFIX = '__meta_muster_host_';

/** Lists an organization's hosts, sorted by name, as targets of Prometheus's HTTP service discovery. */
export async function discoverHosts(
  { db, freshnessContext }: FreshnessSource,
  organizationId: string,
  { port, hostLabel }: ServiceDiscoveryQuery,
): Promise<ServiceDiscoveryTargets> {
  const freshness = freshnessSql(freshnessCutoffs(await freshnessContext())).host;
  const hosts = await db.prisma.$queryRaw<HostRow[]>(Prisma.sql`
    SELECT h.id::text AS id, h.name, ${freshness} AS freshness, ${PLATFORM} AS platform, h.os, h.arch, h."engineName",
      h."engineVersion", h."agentVersion", h.labels, f.addresses
    FROM hosts AS h LEFT JOIN host_facts AS f ON f."hostId" = h.id
    WHERE h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL AND ${hasLabels(hostLabel)}
    ORDER BY h.name, h.id LIMIT ${SERVICE_DISCOVERY_HOSTS_MAX}::int`);
  return hosts.map((host) => ({
    targets: [targetOf(host.addresses?.[0] ?? host.name, port)],
    labels: toMetaLabels(host),
  }));
}

/** Returns the address with the port. An IPv6 address is in brackets, so that its last group is not taken for a port. */
function targetOf(address: string, port: number | undefined): string {
  const host = isIPv6(address) ? `[${address}]` : address;
  return port === undefined ? host : `${host}:${port}`;
}

function toMetaLabels({ platform, labels, addresses, ...host }: HostRow): Record<string, string> {
  const meta: Record<string, string> = {
    id: host.id,
    name: host.name,
    freshness: host.freshness,
    platform: platform ?? '',
    os: host.os,
    arch: host.arch,
    engine: host.engineName,
    engine_version: host.engineVersion,
    agent_version: host.agentVersion,
    addresses: addresses?.join() ?? '',
  };
  for (const [key, value] of Object.entries(labels)) meta[`label_${metricLabelName(key)}`] = value;
  return Object.fromEntries(Object.entries(meta).map(([name, value]) => [PREFIX + name, value]));
}
