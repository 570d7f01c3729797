import { DockerId } from '@muster/contracts';
import { z } from 'zod';
import { InspectedConfig } from './container-config.js';

/*
 * The parts of a Docker-compatible engine's responses that the agent reads. The schemas drop every other key, including
 * a container's environment (`Config.Env`). Engines omit fields or set them to null or to invalid values, so every
 * field except the id falls back to a default.
 */

const textOrEmpty = z.string().catch('');
const numberOrZero = z.number().catch(0);

/**
 * A container's health. All engines return it in inspections, and Docker also returns it in the list since API version
 * 1.52. `Status` is `""` or `none` for a container without a health check.
 */
const ListedHealth = z.object({ Status: textOrEmpty }).nullable().catch(null).default(null);

const ListedPort = z.object({
  IP: textOrEmpty,
  PrivatePort: z.number().catch(0),
  PublicPort: z.number().catch(0),
  Type: textOrEmpty,
});
export type ListedPort = z.output<typeof ListedPort>;

/** Describes the manifest of a container's image. Docker includes it in the list from API version 1.51 on. */
const ManifestDescriptor = z
  .object({
    digest: textOrEmpty,
    platform: z
      .object({ os: textOrEmpty, architecture: textOrEmpty, variant: textOrEmpty })
      .catch({ os: '', architecture: '', variant: '' }),
  })
  .nullable()
  .catch(null)
  .default(null);

/**
 * One element of `GET /containers/json`. If one element has no valid id, the whole list is invalid. Invalid values in
 * other fields do not make the list invalid.
 */
export const ListedContainer = z.object({
  Id: DockerId,
  Names: z.array(textOrEmpty).catch([]).default([]),
  Image: textOrEmpty,
  ImageID: textOrEmpty,
  Command: textOrEmpty,
  State: textOrEmpty,
  Status: textOrEmpty,
  Ports: z.array(ListedPort.nullable().catch(null)).catch([]).default([]),
  // z.record would drop the key `__proto__`, which is a valid label.
  Labels: z.custom<Readonly<Record<string, unknown>>>((value) => typeof value === 'object' && value !== null).catch({}),
  Health: ListedHealth,
  ImageManifestDescriptor: ManifestDescriptor,
  /** Always null. Only Podman's list has this key. */
  NetworkingConfig: z.null().optional().catch(undefined),
});
export type ListedContainer = z.output<typeof ListedContainer>;

/** The response to `GET /containers/json`. */
export const ContainerList = z.array(ListedContainer);

const integerOrNull = z.int().nullable().catch(null).default(null);

/** The parts of `GET /containers/{id}/json` that the list lacks. */
export const InspectedContainer = z.object({
  State: z.object({
    Status: textOrEmpty,
    ExitCode: integerOrNull,
    OOMKilled: z.boolean().nullable().catch(null).default(null),
    /** Why the engine could not start the container, or could not remove it. */
    Error: textOrEmpty,
    StartedAt: textOrEmpty,
    FinishedAt: textOrEmpty,
    Health: ListedHealth,
  }),
  RestartCount: integerOrNull,
  Config: z
    .object({ Image: textOrEmpty, StopSignal: textOrEmpty, StopTimeout: integerOrNull })
    .catch({ Image: '', StopSignal: '', StopTimeout: null })
    .default({ Image: '', StopSignal: '', StopTimeout: null }),
  ...InspectedConfig.shape,
});
export type InspectedContainer = z.output<typeof InspectedContainer>;

/** The parts of `GET /images/{id}/json` that the agent reads. */
export const InspectedImage = z.object({ RepoDigests: z.array(textOrEmpty).catch([]) });

/** The response to `GET /version`. */
export const VersionReply = z.object({
  Version: textOrEmpty,
  ApiVersion: textOrEmpty,
  Os: textOrEmpty,
  Arch: textOrEmpty,
  Components: z
    .array(z.object({ Name: textOrEmpty }))
    .nullable()
    .catch(null)
    .default(null),
});
export type VersionReply = z.output<typeof VersionReply>;

/** The parts of `GET /info` that the agent reads. */
export const InfoReply = z.object({
  ID: textOrEmpty,
  Name: textOrEmpty,
  OperatingSystem: textOrEmpty,
  Architecture: textOrEmpty,
  DockerRootDir: textOrEmpty,
  KernelVersion: textOrEmpty,
  NCPU: numberOrZero,
  MemTotal: numberOrZero,
  Driver: textOrEmpty,
  CgroupVersion: textOrEmpty,
  SecurityOptions: z.array(textOrEmpty).catch([]),
  /** Only Podman has this key. */
  Rootless: z.boolean().optional().catch(undefined),
  Swarm: z
    .object({ NodeID: textOrEmpty, LocalNodeState: textOrEmpty, ControlAvailable: z.boolean().catch(false) })
    .catch({ NodeID: '', LocalNodeState: '', ControlAvailable: false }),
});
export type InfoReply = z.output<typeof InfoReply>;

/**
 * Maximum length of a signal's name, in characters. A longer value is not a signal: engines copy a container's labels
 * to the attributes of its events, and a label can have the name `signal`.
 */
const SIGNAL_LENGTH_MAX = 16;

/**
 * One line of `GET /events`. All known engines send the fields below. Since API version 1.52, Docker omits the older
 * fields `status`, `id` and `from`.
 */
export const EngineEvent = z.object({
  Type: textOrEmpty,
  Action: textOrEmpty,
  Actor: z
    .object({
      ID: textOrEmpty,
      Attributes: z.object({ signal: z.string().max(SIGNAL_LENGTH_MAX).optional().catch(undefined) }).catch({}),
    })
    .catch({ ID: '', Attributes: {} }),
  /** The time in seconds, and in nanoseconds. */
  time: numberOrZero,
  timeNano: numberOrZero,
  /** The health in Podman's `health_status` events since version 5. Docker's events have it in `Action`. */
  HealthStatus: z.string().optional().catch(undefined),
});
export type EngineEvent = z.output<typeof EngineEvent>;
