import type { Port } from '@muster/contracts';
import { groupBy } from './group-by';

/** A published port, with all addresses that it listens on. */
export interface MergedPort {
  publicPort: number;
  privatePort: number;
  type: Port['type'];
  /** The number of consecutive ports. */
  count: number;
  /** The addresses that the port listens on. An empty list means all addresses. */
  ips: readonly string[];
}

const ALL_ADDRESSES: ReadonlySet<string | undefined> = new Set([undefined, '', '0.0.0.0', '::']);

/**
 * Returns a container's published ports without duplicates, because engines list a port once per address and IP
 * version.
 */
export function publishedPorts(ports: readonly Port[]): MergedPort[] {
  const byPort = groupBy(
    ports.filter((port) => port.publicPort !== undefined),
    ({ publicPort, privatePort, type, count = 1 }) => `${publicPort} ${privatePort} ${type} ${count}`,
  );
  return [...byPort.values()].map((entries) => {
    const { publicPort, privatePort, type, count = 1 } = entries[0]!;
    const isOnAllAddresses = entries.some(({ ip }) => ALL_ADDRESSES.has(ip));
    return {
      publicPort: publicPort!,
      privatePort,
      type,
      count,
      ips: isOnAllAddresses ? [] : entries.map(({ ip }) => ip!),
    };
  });
}

/** Formats consecutive ports: `8080`, or `8000–8009`. */
export const formatPortRange = (first: number, count = 1): string =>
  count === 1 ? `${first}` : `${first}–${first + count - 1}`;

/** Formats the protocol of a port as a suffix. TCP is omitted. */
export const formatProtocol = (type: Port['type']): string => (type === 'tcp' ? '' : `/${type}`);

/** Formats a published port: `8080 → 80/udp on 10.0.0.5`. TCP and "all addresses" are omitted. */
export function formatPort({ publicPort, privatePort, type, count, ips }: MergedPort): string {
  const ports =
    publicPort === privatePort
      ? formatPortRange(publicPort, count)
      : `${formatPortRange(publicPort, count)} → ${formatPortRange(privatePort, count)}`;
  return `${ports}${formatProtocol(type)}${ips.length === 0 ? '' : ` on ${ips.join(', ')}`}`;
}
