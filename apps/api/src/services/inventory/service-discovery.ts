import {
  SERVICE_DISCOVERY_HOSTS_MAX,
  type Freshness,
  type HostLabels,
  type ServiceDiscoveryQuery,
  type ServiceDiscoveryTargets,
} from '@muster/contracts';
import { Prisma } from '@muster/db';
import { isIP, isIPv6 } from 'node:net';
import { metricLabelName } from '../../lib/metric-label-name.js';
import { createYielder } from '../../lib/yielder.js';
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
  /** The name that the machine reports; null if the machine has reported no name. */
  reportedName: string | null;
}

/** The prefix of all label names. Prometheus removes labels that begin with two underscores. */
const META_LABEL_PREFIX = '__meta_muster_host_';

/** A DNS name. Names of machines can contain `_`. */
const DNS_NAME_PATTERN = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/i;

/**
 * Lists an organization's hosts, sorted by name, as targets of Prometheus's HTTP service discovery. Omits hosts that
 * have neither an address nor a name that can be used as an address.
 */
export async function discoverHosts(
  { db, freshnessContext }: FreshnessSource,
  organizationId: string,
  { port, hostLabel }: ServiceDiscoveryQuery,
): Promise<ServiceDiscoveryTargets> {
  const freshness = freshnessSql(freshnessCutoffs(await freshnessContext())).host;
  const hosts = await db.prisma.$queryRaw<HostRow[]>(Prisma.sql`
    SELECT h.id::text AS id, h.name, ${freshness} AS freshness, ${PLATFORM} AS platform, h.os, h.arch, h."engineName",
      h."engineVersion", h."agentVersion", h.labels, f.addresses, f.name AS "reportedName"
    FROM hosts AS h LEFT JOIN host_facts AS f ON f."hostId" = h.id
    WHERE h."organizationId" = ${organizationId} AND h."deletedAt" IS NULL AND ${hasLabels(hostLabel)}
    ORDER BY h.name, h.id LIMIT ${SERVICE_DISCOVERY_HOSTS_MAX}::int`);
  const targets: ServiceDiscoveryTargets = [];
  const names = new Map<string, string>();
  const yielder = createYielder();
  for (const host of hosts) {
    const found = addressOf(host);
    if (found !== null) {
      targets.push({ targets: [targetOf(found.address, port)], labels: toMetaLabels(host, found.source, names) });
    }
    if (yielder.shouldYield()) await yielder.yieldToEventLoop();
  }
  return targets;
}

/**
 * Returns the address of a host and the source of the address. The machine's own name has precedence over the host's
 * name, which operators choose for people.
 */
function addressOf({ addresses, reportedName, name }: HostRow): { address: string; source: string } | null {
  const [address] = addresses ?? [];
  if (address !== undefined) return { address, source: 'address' };
  if (reportedName !== null && isAddress(reportedName)) return { address: reportedName, source: 'machine_name' };
  return isAddress(name) ? { address: name, source: 'name' } : null;
}

const isAddress = (text: string): boolean => isIP(text) !== 0 || DNS_NAME_PATTERN.test(text);

/**
 * Returns the address with the port. An IPv6 address is in brackets, so that its last group is not taken for a port.
 */
function targetOf(address: string, port: number | undefined): string {
  const host = isIPv6(address) ? `[${address}]` : address;
  return port === undefined ? host : `${host}:${port}`;
}

/**
 * Returns the labels of a target. If several label keys become the same name, the first key in alphabetical order
 * applies. `names` caches the name for each key, because hosts have the same keys.
 */
function toMetaLabels(
  { platform, labels, addresses, ...host }: HostRow,
  addressSource: string,
  names: Map<string, string>,
): Record<string, string> {
  const meta: Record<string, string> = {
    [`${META_LABEL_PREFIX}id`]: host.id,
    [`${META_LABEL_PREFIX}name`]: host.name,
    [`${META_LABEL_PREFIX}freshness`]: host.freshness,
    [`${META_LABEL_PREFIX}platform`]: platform ?? '',
    [`${META_LABEL_PREFIX}os`]: host.os,
    [`${META_LABEL_PREFIX}arch`]: host.arch,
    [`${META_LABEL_PREFIX}engine`]: host.engineName,
    [`${META_LABEL_PREFIX}engine_version`]: host.engineVersion,
    [`${META_LABEL_PREFIX}agent_version`]: host.agentVersion,
    [`${META_LABEL_PREFIX}addresses`]: addresses?.join() ?? '',
    [`${META_LABEL_PREFIX}address_source`]: addressSource,
  };
  for (const key of Object.keys(labels).sort()) {
    const name = names.get(key) ?? `${META_LABEL_PREFIX}label_${metricLabelName(key)}`;
    names.set(key, name);
    meta[name] ??= labels[key]!;
  }
  return meta;
}
