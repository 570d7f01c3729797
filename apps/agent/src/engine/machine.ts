import { existsSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { hostname, networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import { HOST_ADDRESSES_MAX, type HostLabels } from '@muster/contracts';

/** The facts about this machine that are known without its engine. */
export interface Machine {
  /** The name in the settings; null if they contain none. */
  configuredName: string | null;
  /** The machine's own name; null in a container that is named after its id. */
  hostname: string | null;
  labels: HostLabels;
  /** The machine's addresses, IPv4 first; null if the engine's host has other addresses. */
  addresses: string[] | null;
}

/** Files that engines and Kubernetes create in containers. */
const CONTAINER_MARKERS = ['/.dockerenv', '/run/.containerenv', '/var/run/secrets/kubernetes.io'];

/** Matches the name that Docker and Podman give a container: the beginning of its id. */
const CONTAINER_HOSTNAME = /^[0-9a-f]{12}$/;

/** Interfaces that engines, Kubernetes and libvirt create. Their addresses are the same on many machines. */
const BRIDGE_NAME = /^(?:docker\d|docker_gwbridge$|br-[0-9a-f]{12}$|podman\d|cni|veth|virbr|lxcbr|lxdbr|flannel|cali)/;

const LINK_LOCAL = /^(?:169\.254\.|fe[89ab])/i;

/** Returns the addresses at which other machines can reach this one, IPv4 first, in the order of the interfaces. */
export function externalAddresses(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): string[] {
  const found = Object.entries(interfaces)
    .filter(([name]) => !BRIDGE_NAME.test(name))
    .flatMap(([, addresses = []]) => addresses)
    .filter(({ internal, address }) => !internal && !LINK_LOCAL.test(address))
    .map(({ address }) => address);
  const sorted = [...found.filter((each) => !isIPv6(each)), ...found.filter((each) => isIPv6(each))];
  return [...new Set(sorted)].slice(0, HOST_ADDRESSES_MAX);
}

/**
 * Reads the facts about this machine that are known without its engine. `isEngineLocal`: whether the engine runs on
 * this machine.
 */
export function readMachine(
  { hostName, hostLabels }: { hostName: string | null; hostLabels: HostLabels },
  isEngineLocal: boolean,
  ownHostname: string = hostname(),
): Machine {
  const hasContainerName = CONTAINER_HOSTNAME.test(ownHostname);
  const isContainer = hasContainerName || CONTAINER_MARKERS.some((path) => existsSync(path));
  return {
    configuredName: hostName,
    hostname: hasContainerName || ownHostname === '' ? null : ownHostname,
    labels: hostLabels,
    addresses: isContainer || !isEngineLocal ? null : externalAddresses(networkInterfaces()),
  };
}
