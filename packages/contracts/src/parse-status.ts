import { z } from 'zod';

/** The result of a container's health check. */
export const Health = z.enum(['healthy', 'unhealthy', 'starting']);
export type Health = z.output<typeof Health>;

/** The values contained in an engine's status text. A value is null if the text does not contain it. */
export interface ParsedStatus {
  health: Health | null;
  /** On Windows, an unsigned 32-bit number. A crash there has a code such as 3221225477 (0xC0000005). */
  exitCode: number | null;
}

const HEALTH_BY_SUFFIX: Readonly<Record<string, Health>> = {
  healthy: 'healthy',
  unhealthy: 'unhealthy',
  'health: starting': 'starting',
};

/**
 * Parses the health and the exit code from Docker's status text, such as `Up 5 minutes (healthy)`, `Exited (137) 2
 * hours ago` or `Restarting (1) 3 seconds ago`. If the text has another form, both values are null.
 *
 * Source: `State.String` in moby's container/state.go, and captured responses of Docker 28.5.
 */
export function parseStatus(status: string): ParsedStatus {
  const exit = /^(?:Exited|Restarting) \((-?\d{1,10})\)/.exec(status);
  if (exit) return { health: null, exitCode: Number(exit[1]) };
  const health = /^Up .*\((healthy|unhealthy|health: starting)\)$/.exec(status);
  return { health: (health && HEALTH_BY_SUFFIX[health[1]!]) ?? null, exitCode: null };
}
