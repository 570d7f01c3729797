import { PORT_IP_LENGTH_MAX, mergePorts, type Port } from '@muster/contracts';
import { z } from 'zod';

const textOrEmpty = z.string().catch('');

/** The configuration in the response to `GET /containers/{id}/json`. Every field falls back to a default. */
export const InspectedConfig = z.object({
  HostConfig: z.object({ NetworkMode: textOrEmpty }).catch({ NetworkMode: '' }),
  NetworkSettings: z
    .object({
      /**
       * The addresses on the host (`{ HostIp, HostPort }`), keyed by the port in the container (`80/tcp`); null for a
       * port that is not published. Its values are checked by `toPorts`.
       */
      Ports: z.custom<Readonly<Record<string, unknown>>>((value) => typeof value === 'object' && value !== null),
    })
    .nullable()
    .catch(null),
});
type InspectedConfig = z.output<typeof InspectedConfig> & { Config: { Image: string } };

/** How a container was created. */
export interface ContainerConfig {
  /** The image's reference at creation, such as `nginx:1.27`. Empty for a container without an image. */
  image: string;
  /** The container's ports; null if the engine did not report them. Consecutive ports are merged into ranges. */
  ports: Port[] | null;
  /** True if the container uses the network of another container, which then owns the published ports. */
  sharesNetwork: boolean;
}

/** Converts the configuration from the engine's format. */
export const toContainerConfig = ({ Config, HostConfig, NetworkSettings }: InspectedConfig): ContainerConfig => ({
  image: Config.Image,
  ports: NetworkSettings === null ? null : mergePorts(Object.entries(NetworkSettings.Ports).flatMap(toPorts)),
  sharesNetwork: HostConfig.NetworkMode.startsWith('container:'),
});

/** Returns one entry for each address on the host, or one entry without an address if the port is not published. */
function toPorts([key, bindings]: [string, unknown]): Port[] {
  const [number, type = 'tcp'] = key.split('/');
  const privatePort = toPortNumber(number);
  if (privatePort === null || (type !== 'tcp' && type !== 'udp' && type !== 'sctp')) return [];
  if (!Array.isArray(bindings) || bindings.length === 0) return [{ privatePort, type }];
  return bindings.map((binding: { HostIp?: unknown; HostPort?: unknown } | null) => {
    const ip = toAddress(binding?.HostIp);
    const publicPort = toPortNumber(binding?.HostPort);
    return { ...(ip && { ip }), privatePort, ...(publicPort && { publicPort }), type };
  });
}

/** Returns an IP address; null for any other value. */
const toAddress = (value: unknown): string | null =>
  typeof value === 'string' && value.length <= PORT_IP_LENGTH_MAX && /^[\w.:%-]+$/.test(value) ? value : null;

function toPortNumber(text: unknown): number | null {
  const number = typeof text === 'string' ? Number(text) : Number.NaN;
  return Number.isInteger(number) && number >= 1 && number <= 65_535 ? number : null;
}
