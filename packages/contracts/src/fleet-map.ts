import { z } from 'zod';
import { Freshness } from './freshness.js';

const Count = z.int().nonnegative();

/**
 * The whole fleet in one small response, for a map with one cell per host. The arrays have equal lengths: the entries
 * at one index describe one host. Hosts are sorted by name, then by id. The map has at most `FLEET_MAP_HOSTS_MAX`
 * hosts, but `total` counts all hosts.
 */
export const FleetMap = z.object({
  total: Count,
  ids: z.array(z.uuid()),
  names: z.array(z.string()),
  freshness: z.array(Freshness),
  /** The severity from 0 to 5, as in the sort order `severity` of `GET /api/hosts`. */
  severity: z.array(z.int().min(0).max(5)),
  /** The number of present containers whose health check fails. */
  unhealthy: z.array(Count),
});
export type FleetMap = z.output<typeof FleetMap>;
