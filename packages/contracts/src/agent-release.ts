import { z } from 'zod';

/** An architecture for which there are agents, in Node.js's notation. */
export const AgentArchitecture = z.enum(['x64', 'arm64']);
export type AgentArchitecture = z.output<typeof AgentArchitecture>;

/**
 * The agent release that this server offers.
 *
 * - `ready`: it can be installed. The other fields describe it.
 * - `preparing`: the server builds its first release in the background, which takes about a minute.
 * - `failed`: that build failed, or the release is damaged. The server's log contains the reason.
 * - `none`: the server has no release.
 */
export const AgentRelease = z.object({
  state: z.enum(['ready', 'preparing', 'failed', 'none']),
  /** The version of the release's agent; null if there is no release. */
  version: z.string().nullable(),
  /** The architectures for which the release contains an executable. */
  executables: z.array(AgentArchitecture),
  /** The architectures for which the release contains an image. */
  images: z.array(AgentArchitecture),
  /** The server's configured address for agents; null if none is configured. */
  publicUrl: z.string().nullable(),
});
export type AgentRelease = z.output<typeof AgentRelease>;
