import { z } from 'zod';
import { Instant } from './instant.js';
import { text } from './text.js';

/**
 * Why a container's process exited:
 *
 * - `completed`: it exited with code 0, without a request to stop.
 * - `stopped`: a person or a program requested the stop.
 * - `crashed`: it exited with another code, without a request to stop.
 * - `oom`: the kernel killed it because memory ran out.
 * - `failed_to_start`: the engine could not start it.
 * - `unknown`: the agent received nothing that shows the cause.
 */
export const ExitReason = z.enum(['completed', 'stopped', 'crashed', 'oom', 'failed_to_start', 'unknown']);
export type ExitReason = z.output<typeof ExitReason>;

/** How a container's process exited, as an agent reports it. A newer agent may report a reason that is unknown here. */
export const ReportedExit = z.object({
  code: z.int().nullable().default(null),
  reason: z.string().transform((word): ExitReason => ExitReason.safeParse(word).data ?? 'unknown'),
  error: text(0).default(''),
  finishedAt: Instant.nullable().default(null),
});

/**
 * How a container's process exited. `error` is the engine's message about a container that it could not start, and
 * empty in all other cases.
 */
export const ContainerExit = z.object({
  code: z.int().nullable(),
  reason: ExitReason,
  error: z.string(),
  finishedAt: z.iso.datetime().nullable(),
});
export type ContainerExit = z.output<typeof ContainerExit>;
