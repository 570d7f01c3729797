import { z } from 'zod';

/**
 * How current what we know of a host is. `online`: heard within three heartbeats; `stale`: not for longer; `offline`:
 * not for five minutes; `never`: no snapshot yet; `engine_down`: the agent lives but cannot list its containers; `left`:
 * its agent left, and reports nothing until the host is enrolled again.
 */
export const Freshness = z.enum(['online', 'stale', 'offline', 'never', 'engine_down', 'left']);
export type Freshness = z.output<typeof Freshness>;

/** How current a container is: as its host by what that last confirmed, so never `never`. */
export const ContainerFreshness = Freshness.exclude(['never']);
export type ContainerFreshness = z.output<typeof ContainerFreshness>;
