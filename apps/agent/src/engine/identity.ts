import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { arch, type as osType } from 'node:os';
import {
  DISPLAY_NAME_LENGTH_MAX,
  HOST_NAME_SUBSTITUTE,
  MACHINE_PROPERTY_LENGTH_MAX,
  type Engine,
  type HostFacts,
} from '@muster/contracts';
import type { EngineClient } from './client.js';
import { EngineError } from './errors.js';
import { toHostFacts } from './host-facts.js';
import type { Machine } from './machine.js';
import type { InfoReply, VersionReply } from './shapes.js';

/** The facts about a machine that an agent sends when it enrolls, and later in heartbeats. */
export interface MachineFacts {
  name: string;
  engine: Engine;
  os: string;
  arch: string;
  /** The machine's own identity. If it is null, the agent generates and stores a random one. */
  engineId: string | null;
  /** Whether a later reading would return the same `engineId`. False if the engine refused /info. */
  isIdentityCertain: boolean;
  /** The facts as the contract reports them, without the identity. */
  reported: HostFacts;
}

/**
 * Reads each fact from the engine, or from the machine if the engine does not report the fact. Throws `EngineError` if
 * the engine does not answer.
 */
export async function readMachineFacts(
  client: EngineClient,
  machine: Machine & { machineIdPath?: string },
  signal: AbortSignal,
): Promise<MachineFacts> {
  const version = await client.version(signal);
  const info = await client.info(signal).catch((error: unknown) => {
    // A socket proxy may refuse /info. In that case, the machine's own facts are used.
    if (error instanceof EngineError && error.failure === 'refused') return null;
    throw error;
  });
  return toMachineFacts(version, info, { ...machine, machineId: await readMachineId(machine.machineIdPath) });
}

/** Docker's names of the architectures that Node.js names differently. */
const DOCKER_ARCHS: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/**
 * Returns the facts that are known without the engine, for a machine that must be enrolled although its engine is not
 * running. The identity is null, because the engine's own id is unknown.
 */
export const factsWithoutEngine = (machine: Machine): MachineFacts => ({
  name: nameOf(machine, null),
  engine: { name: 'unknown', version: '', apiVersion: '' },
  os: osType(),
  arch: DOCKER_ARCHS[arch()] ?? arch(),
  engineId: null,
  isIdentityCertain: false,
  reported: toHostFacts(machine, null),
});

const nameOf = ({ configuredName, hostname }: Machine, info: InfoReply | null): string =>
  (configuredName ?? (info?.Name || hostname || HOST_NAME_SUBSTITUTE)).slice(0, DISPLAY_NAME_LENGTH_MAX);

/** Builds the facts from the engine's responses. `machineId` is the text of /etc/machine-id, or null. */
export function toMachineFacts(
  version: VersionReply,
  info: InfoReply | null,
  machine: Machine & { machineId: string | null },
): MachineFacts {
  const name = isPodman(version) ? 'Podman' : 'Docker';
  return {
    name: nameOf(machine, info),
    engine: { name, version: truncateProperty(version.Version), apiVersion: truncateProperty(version.ApiVersion) },
    os: truncateProperty(info?.OperatingSystem || version.Os),
    arch: truncateProperty(version.Arch || info?.Architecture || ''),
    engineId:
      (!isPodman(version) && truncateProperty(info?.ID ?? '')) ||
      identityOfMachine(machine.machineId, info?.DockerRootDir ?? ''),
    isIdentityCertain: info !== null,
    reported: toHostFacts(machine, info),
  };
}

const isPodman = (version: VersionReply): boolean =>
  (version.Components ?? []).some(({ Name }) => /podman/i.test(Name));

/**
 * Derives an identity for an engine without a stable id (Podman returns a new random id with each call). The identity
 * is a hash of the machine's id and of the engine's storage directory. The machine's id is hashed because, according to
 * machine-id(5), it must stay confidential. The directory distinguishes rootful, rootless and additional engines on one
 * machine.
 */
function identityOfMachine(machineId: string | null, rootDir: string): string | null {
  if (machineId === null) return null;
  return `machine-${createHash('sha256').update(`muster-agent\n${machineId}\n${rootDir}`).digest('hex').slice(0, 32)}`;
}

/**
 * Reads the machine's id. Returns null if the file is missing or contains no id (`uninitialized` during the first
 * boot).
 */
async function readMachineId(path = '/etc/machine-id'): Promise<string | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return /^[0-9a-f]{32}$/.test(text.trim()) ? text.trim() : null;
}

const truncateProperty = (text: string): string =>
  text.replaceAll('\0', '').slice(0, MACHINE_PROPERTY_LENGTH_MAX).toWellFormed();
