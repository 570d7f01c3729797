import type { Port } from '@muster/contracts';
import { groupBy } from './group-by';

/** A port that a host publishes, once for all addresses that it listens on. */
export interface PublishedAs {
  publicPort: number;
  privatePort: number;
  type: Port['type'];
  /** How many consecutive ports. */
  count: number;
  /** Where it listens; empty: on all addresses. */
  ips: readonly string[];
}

const EVERYWHERE: ReadonlySet<string | undefined> = new Set([undefined, '', '0.0.0.0', '::']);

/** The ports that a container publishes: one for each, though an engine lists it by address and IP version. */
export function publishedPorts(ports: readonly Port[]): PublishedAs[] {
  const byPort = groupBy(
    ports.filter((port) => port.publicPort !== undefined),
    ({ publicPort, privatePort, type, count = 1 }) => `${publicPort} ${privatePort} ${type} ${count}`,
  );
  return [...byPort.values()].map((same) => {
    const { publicPort, privatePort, type, count = 1 } = same[0]!;
    const everywhere = same.some(({ ip }) => EVERYWHERE.has(ip));
    return { publicPort: publicPort!, privatePort, type, count, ips: everywhere ? [] : same.map(({ ip }) => ip!) };
  });
}

/** Consecutive ports: `8080`, or `8000-8009`. The contracts have this too, but the page's script carries none of their code. */
export const portRange = (first: number, count = 1): string =>
  count === 1 ? `${first}` : `${first}-${first + count - 1}`;

/** `8080 → 80`, and where it listens, if not everywhere. TCP goes without saying. */
export function portWords({ publicPort, privatePort, type, count, ips }: PublishedAs): string {
  const protocol = type === 'tcp' ? '' : `/${type}`;
  const ports =
    publicPort === privatePort
      ? portRange(publicPort, count)
      : `${portRange(publicPort, count)} → ${portRange(privatePort, count)}`;
  return `${ports}${protocol}${ips.length === 0 ? '' : ` on ${ips.join(', ')}`}`;
}
