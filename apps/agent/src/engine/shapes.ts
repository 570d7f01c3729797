import { DockerId } from '@muster/contracts';
import { z } from 'zod';

/*
 * What the agent reads of a Docker-compatible engine's replies, and nothing else: a schema drops every key that it
 * does not name, so that a container's environment (`Config.Env`) never gets past the parse. Engines differ in what
 * they leave out, write as null or write as nonsense; each field but the id has a value for that.
 */

const looseText = z.string().catch('');

/** Health as Docker >= 1.52 lists it and as every engine inspects it. `Status` may be `""` or `none`: no check. */
const ListedHealth = z.object({ Status: looseText }).nullable().catch(null).default(null);

const ListedPort = z.object({
  IP: looseText,
  PrivatePort: z.number().catch(0),
  PublicPort: z.number().catch(0),
  Type: looseText,
});
export type ListedPort = z.output<typeof ListedPort>;

/**
 * One element of `GET /containers/json`. Without a usable id it is no container, and the reply not a list of them:
 * that alone is refused, and with it the whole list.
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
  // Not z.record, which drops the key `__proto__`: a label like any other.
  Labels: z.custom<Readonly<Record<string, unknown>>>((value) => typeof value === 'object' && value !== null).catch({}),
  Health: ListedHealth,
});
export type ListedContainer = z.output<typeof ListedContainer>;

/** The reply of `GET /containers/json`. */
export const ContainerList = z.array(ListedContainer);

/** What `GET /containers/{id}/json` tells that the list does not. */
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

/** What the agent reads of `GET /info`. */
export const InfoReply = z.object({
  ID: looseText,
  Name: looseText,
  OperatingSystem: looseText,
  Architecture: looseText,
  DockerRootDir: looseText,
});
export type InfoReply = z.output<typeof InfoReply>;

/**
 * One line of `GET /events`. Docker >= 1.52 no longer writes the older `status`, `id` and `from`; all engines known
 * write these.
 */
export const EngineEvent = z.object({
  Type: looseText,
  Action: looseText,
  Actor: z.object({ ID: looseText }).catch({ ID: '' }),
});
export type EngineEvent = z.output<typeof EngineEvent>;
