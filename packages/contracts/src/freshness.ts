import { z } from 'zod';

/**
 * How current a host's state is.
 *
 * - `online`: last seen within three heartbeat intervals.
 * - `stale`: missed three heartbeats.
 * - `offline`: missed ten heartbeats, and not seen for at least five minutes.
 * - `never`: no snapshot has been applied yet.
 * - `engine_down`: the agent is running but cannot list its containers.
 * - `left`: the agent left, so the host sends no reports until it is enrolled again.
 */
export const Freshness = z.enum(['online', 'stale', 'offline', 'never', 'engine_down', 'left']);
export type Freshness = z.output<typeof Freshness>;

/**
 * How current a container is: the freshness of its host, based on when the host last confirmed its containers. The
 * value `never` cannot occur, because a container comes from a snapshot.
 */
export const ContainerFreshness = Freshness.exclude(['never']);
export type ContainerFreshness = z.output<typeof ContainerFreshness>;
