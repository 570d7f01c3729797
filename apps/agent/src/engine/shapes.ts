import { DockerId } from '@muster/contracts';
import { z } from 'zod';

/*
 * The parts of a Docker-compatible engine's replies that the agent reads. A schema drops every other key, so a
 * container's environment (`Config.Env`) never gets past the parse. Engines omit fields or set them to null or to
 * invalid values; every field but the id falls back to a default.
 */

const looseText = z.string().catch('');

/**
 * Health as listed by Docker >= 1.52 and as inspected by every engine. `Status` is `""` or `none` without a health
 * check.
 */
const ListedHealth = z.object({ Status: looseText }).nullable().catch(null).default(null);

const ListedPort = z.object({
  IP: looseText,
  PrivatePort: z.number().catch(0),
  PublicPort: z.number().catch(0),
  Type: looseText,
});
export type ListedPort = z.output<typeof ListedPort>;

/**
 * One element of `GET /containers/json`. An element without a valid id makes the whole list invalid; no other field
 * does.
 */
export const ListedContainer = z.object({
  Id: DockerId,
  Names: z.array(looseText).catch([]).default([]),
  Image: looseText,
  ImageID: looseText,
  Command: looseText,
  State: looseText,
  Status: looseText,
  Ports: z.array(ListedPort.nullable().catch(null)).catch([]).default([]),
  // Not z.record, which drops the key `__proto__`; that is a valid label.
  Labels: z.custom<Readonly<Record<string, unknown>>>((value) => typeof value === 'object' && value !== null).catch({}),
  Health: ListedHealth,
});
export type ListedContainer = z.output<typeof ListedContainer>;

/** The reply of `GET /containers/json`. */
export const ContainerList = z.array(ListedContainer);

/** The parts of `GET /containers/{id}/json` that the list lacks. */
export const InspectedContainer = z.object({
  State: z.object({ StartedAt: looseText, Health: ListedHealth }),
});

/** The reply of `GET /version`. */
export const VersionReply = z.object({
  Version: looseText,
  ApiVersion: looseText,
  Os: looseText,
  Arch: looseText,
  Components: z
    .array(z.object({ Name: looseText }))
    .nullable()
    .catch(null)
    .default(null),
});
export type VersionReply = z.output<typeof VersionReply>;

/** The parts of `GET /info` that the agent reads. */
export const InfoReply = z.object({
  ID: looseText,
  Name: looseText,
  OperatingSystem: looseText,
  Architecture: looseText,
  DockerRootDir: looseText,
});
export type InfoReply = z.output<typeof InfoReply>;

/**
 * One line of `GET /events`. Docker >= 1.52 omits the older `status`, `id` and `from`; all known engines send these
 * fields.
 */
export const EngineEvent = z.object({
  Type: looseText,
  Action: looseText,
  Actor: z.object({ ID: looseText }).catch({ ID: '' }),
});
export type EngineEvent = z.output<typeof EngineEvent>;
