import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { FACT_LENGTH_MAX, DISPLAY_NAME_LENGTH_MAX, type Engine } from '@muster/contracts';
import type { EngineClient } from './client.js';
import { EngineError } from './errors.js';
import type { InfoReply, VersionReply } from './shapes.js';

/** What an agent tells of its machine when it enrols. */
export interface MachineFacts {
  name: string;
  engine: Engine;
  os: string;
  arch: string;
  /** The machine's own identity, or null where it has none: then the agent makes one up and keeps it. */
  engineId: string | null;
}

/** Asks the engine, and where it does not say, the machine. Throws `EngineError` when the engine does not answer. */
export async function readMachineFacts(
  client: EngineClient,
  machine: { hostname: string; machineIdPath?: string },
  signal: AbortSignal,
): Promise<MachineFacts> {
  const version = await client.version(signal);
  const info = await client.info(signal).catch((error: unknown) => {
    // A socket proxy may let only some calls through, and the machine can speak for itself.
    if (error instanceof EngineError && error.failure === 'refused') return null;
    throw error;
  });
  return toMachineFacts(version, info, { ...machine, machineId: await readMachineId(machine.machineIdPath) });
}

/** The facts out of the engine's replies; `machineId` is the text of /etc/machine-id, or null. */
export function toMachineFacts(
  version: VersionReply,
  info: InfoReply | null,
  machine: { hostname: string; machineId: string | null },
): MachineFacts {
  const name = isPodman(version) ? 'Podman' : 'Docker';
  return {
    name: (info?.Name || machine.hostname || 'unnamed').slice(0, DISPLAY_NAME_LENGTH_MAX),
    engine: { name, version: fact(version.Version), apiVersion: fact(version.ApiVersion) },
    os: fact(info?.OperatingSystem || version.Os),
    arch: fact(version.Arch || info?.Architecture || ''),
    engineId:
      (!isPodman(version) && fact(info?.ID ?? '')) || identityOfMachine(machine.machineId, info?.DockerRootDir ?? ''),
  };
}

const isPodman = (version: VersionReply): boolean =>
  (version.Components ?? []).some(({ Name }) => /podman/i.test(Name));

/**
 * An identity for an engine that has none of its own (Podman's ID is a new random one at each call): a hash of the
 * machine's id, which machine-id(5) asks not to hand out as it is, with the engine's storage directory, which tells
 * a rootful, a rootless and a second engine of one machine apart.
 */
function identityOfMachine(machineId: string | null, rootDir: string): string | null {
  if (machineId === null) return null;
  return `machine-${createHash('sha256').update(`muster-agent\n${machineId}\n${rootDir}`).digest('hex').slice(0, 32)}`;
}

/** The machine's id, or null where there is none, or not yet (`uninitialized` during a first boot). */
async function readMachineId(path = '/etc/machine-id'): Promise<string | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return /^[0-9a-f]{32}$/.test(text.trim()) ? text.trim() : null;
}

const fact = (text: string): string => text.replaceAll('\0', '').slice(0, FACT_LENGTH_MAX).toWellFormed();
