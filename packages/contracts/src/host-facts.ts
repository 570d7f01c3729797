import { z } from 'zod';
import { HostLabels } from './host-labels.js';
import {
  COUNT_MAX,
  DISPLAY_NAME_LENGTH_MAX,
  HOST_ADDRESSES_MAX,
  HOST_NAME_SUBSTITUTE,
  MACHINE_PROPERTY_LENGTH_MAX,
} from './limits.js';
import { machineName, text } from './text.js';

const LINK_LOCAL = /^(?:169\.254\.|fe[89ab][0-9a-f]:)/i;

/**
 * An IP address at which other machines can reach the host. A link-local address is rejected, because it can belong to
 * different machines on different links.
 */
const HostAddress = z
  .union([z.ipv4(), z.ipv6()], { error: 'must be an IPv4 or IPv6 address' })
  .refine((address) => !LINK_LOCAL.test(address), { error: 'must not be a link-local address' });

const property = () => text(1, MACHINE_PROPERTY_LENGTH_MAX);

/** Facts about a host's container engine. A fact that the engine does not report is null. */
export const EngineFacts = z.object({
  /** Whether the engine runs without root privileges. */
  rootless: z.boolean().nullable(),
  /** The version of control groups: `1` or `2`. */
  cgroupVersion: z.string().nullable(),
  storageDriver: z.string().nullable(),
  /** `manager` or `worker`; null if the engine is not in a Swarm. */
  swarmRole: z.string().nullable(),
  swarmNodeId: z.string().nullable(),
});
export type EngineFacts = z.output<typeof EngineFacts>;

const engineProperty = () => property().nullable().default(null);

/** `EngineFacts` as an agent reports them. Facts that are absent are null. */
const ReportedEngineFacts = z.object({
  rootless: z.boolean().nullable().default(null),
  cgroupVersion: engineProperty(),
  storageDriver: engineProperty(),
  swarmRole: engineProperty(),
  swarmNodeId: engineProperty(),
});

/**
 * The facts about a host that its agent reports. The agent reports them when it enrolls, and in a heartbeat after its
 * start, after a change and once an hour. A fact that is absent is unknown, and the host keeps the value that was
 * reported before.
 */
export const HostFacts = z.object({
  /** The machine's name. The host has this name, unless an operator has set another one. */
  name: machineName(DISPLAY_NAME_LENGTH_MAX, HOST_NAME_SUBSTITUTE).optional(),
  /** The identity of the engine. It changes, for example, when the engine is reset. */
  engineId: property().optional(),
  /** All labels that the agent sets. */
  labels: HostLabels.optional(),
  /** The machine's addresses, the most important one first. */
  addresses: z.array(HostAddress).max(HOST_ADDRESSES_MAX).optional(),
  kernel: property().optional(),
  cpus: z.int().min(1).max(COUNT_MAX).optional(),
  memoryBytes: z.int().min(1).optional(),
  engineFacts: ReportedEngineFacts.optional(),
});
export type HostFacts = z.output<typeof HostFacts>;
