import { PORT_IP_LENGTH_MAX, mergePorts, type Port } from '@muster/contracts';
import { z } from 'zod';

const textOrEmpty = z.string().catch('');

/** The configuration in the response to `GET /containers/{id}/json`. Every field falls back to a default. */
export const InspectedConfig = z.object({
  Config: z.object({ Image: textOrEmpty }).catch({ Image: '' }),
  HostConfig: z.object({ NetworkMode: textOrEmpty }).catch({ NetworkMode: '' }),
  NetworkSettings: z
    .object({
      /** The addresses on the host, by port in the container (`80/tcp`); null for a port that is not published. */
      Ports: z.record(
        z.string(),
        z.array(z.object({ HostIp: textOrEmpty, HostPort: textOrEmpty })).nullable().catch(null),
      ),
    })
    .nullable()
    .catch(null),
});
type InspectedConfig = z.output<typeof InspectedConfig>;

/** How a container was created. */
export interface ContainerConfig {
  /** The image's reference at that time, such as `nginx:1.27`. Empty for a container without an image. */
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

type Bindings = { HostIp: string; HostPort: string }[] | null;

/** Returns one entry for each address on the host, or one entry without an address if the port is not published. */
function toPorts([key, bindings]: [string, Bindings]): Port[] {
  const [number, type = 'tcp'] = key.split('/');
  const privatePort = toPortNumber(number);
  if (privatePort === null || (type !== 'tcp' && type !== 'udp' && type !== 'sctp')) return [];
  if (bindings === null || bindings.length === 0) return [{ privatePort, type }];
  return bindings.map(({ HostIp, HostPort }) => {
    const publicPort = toPortNumber(HostPort);
    const ip = HostIp !== '' && HostIp.length <= PORT_IP_LENGTH_MAX && HostIp.isWellFormed() ? HostIp : null;
    return { ...(ip && { ip }), privatePort, ...(publicPort && { publicPort }), type };
  });
}

function toPortNumber(text: string | undefined): number | null {
  const number = Number(text);
  return Number.isInteger(number) && number >= 1 && number <= 65_535 ? number : null;
}
