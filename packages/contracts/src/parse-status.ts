import { z } from 'zod';

/** What a container's own health check says. */
export const Health = z.enum(['healthy', 'unhealthy', 'starting']);
export type Health = z.output<typeof Health>;

/** To be raised with every change to what `parseStatus` reads, so that stored rows are read again. */
export const STATUS_PARSER_VERSION = 1;

/** What can be read out of an engine's status text. Null: the text does not say. */
export interface ParsedStatus {
  health: Health | null;
  /** Of 32 bits and unsigned on Windows, where a crash is such as 3221225477 (0xC0000005). */
  exitCode: number | null;
}

const HEALTH_BY_SUFFIX: Readonly<Record<string, Health>> = {
  healthy: 'healthy',
  unhealthy: 'unhealthy',
  'health: starting': 'starting',
};

/**
 * Reads health and exit code out of Docker's status text: `Up 5 minutes (healthy)`, `Exited (137) 2 hours ago`,
 * `Restarting (1) 3 seconds ago`. Any other text, an unknown engine's included, says neither.
 *
 * Source: `State.String` in moby's container/state.go, and captured replies of Docker 28.5.
 */
export function parseStatus(status: string): ParsedStatus {
  const exit = /^(?:Exited|Restarting) \((-?\d{1,10})\)/.exec(status);
  if (exit) return { health: null, exitCode: Number(exit[1]) };
  const health = /^Up .*\((healthy|unhealthy|health: starting)\)$/.exec(status);
  return { health: (health && HEALTH_BY_SUFFIX[health[1]!]) ?? null, exitCode: null };
}
