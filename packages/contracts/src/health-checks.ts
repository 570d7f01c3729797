import { z } from 'zod';

/** The response of the liveness check. `version` is the version of the process. */
export const Liveness = z.object({ status: z.literal('ok'), version: z.string() });
export type Liveness = z.output<typeof Liveness>;

/** The response of the readiness check. */
export const Readiness = z.object({ status: z.literal('ready') });
export type Readiness = z.output<typeof Readiness>;
