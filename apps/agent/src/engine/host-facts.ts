import { HostFacts, MACHINE_PROPERTY_LENGTH_MAX, type EngineFacts } from '@muster/contracts';
import type { Machine } from './machine.js';
import type { InfoReply } from './shapes.js';

/**
 * Builds the facts that the agent reports about a host. `info` is null if the engine has not returned it. The host's
 * name is then reported only if the settings contain a name.
 */
export function toHostFacts(
  { configuredName, hostname, labels, addresses }: Machine,
  info: InfoReply | null,
): HostFacts {
  const name = configuredName ?? (info === null ? null : info.Name || hostname);
  return validFacts({
    name: name ?? undefined,
    labels,
    addresses: addresses ?? [],
    ...(info && {
      kernel: truncateProperty(info.KernelVersion),
      cpus: info.NCPU,
      memoryBytes: info.MemTotal,
      engineFacts: toEngineFacts(info),
    }),
  });
}

function toEngineFacts(info: InfoReply): EngineFacts {
  const { LocalNodeState, ControlAvailable, NodeID } = info.Swarm;
  const isInSwarm = LocalNodeState === 'active' || LocalNodeState === 'locked';
  return {
    rootless: info.Rootless ?? info.SecurityOptions.some((option) => /^name=rootless\b/.test(option)),
    cgroupVersion: truncateProperty(info.CgroupVersion) || null,
    storageDriver: truncateProperty(info.Driver) || null,
    swarmRole: !isInSwarm ? null : ControlAvailable ? 'manager' : 'worker',
    swarmNodeId: (isInSwarm && truncateProperty(NodeID)) || null,
  };
}

/** Removes the facts that the API would refuse. Otherwise, the API would refuse the whole heartbeat. */
const validFacts = (facts: { [Key in keyof HostFacts]: HostFacts[Key] | undefined }): HostFacts =>
  Object.fromEntries(
    Object.entries(facts).filter(([key, value]) => {
      const schema = HostFacts.shape[key as keyof HostFacts];
      return value !== undefined && schema.safeParse(value).success;
    }),
  );

const truncateProperty = (text: string): string =>
  text.replaceAll('\0', '').slice(0, MACHINE_PROPERTY_LENGTH_MAX).toWellFormed();
