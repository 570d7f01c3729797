import { z } from 'zod';
import { Freshness } from './freshness.js';
import { AVAILABILITY_SEGMENTS_MAX } from './limits.js';

const Timestamp = z.iso.datetime();

/** The periods for which availability is computed. Each ends now. */
export const AvailabilityWindow = z.enum(['24h', '7d', '30d']);
export type AvailabilityWindow = z.output<typeof AvailabilityWindow>;

/** The length of each window, in hours. */
export const AVAILABILITY_WINDOW_HOURS: Readonly<Record<AvailabilityWindow, number>> = {
  '24h': 24,
  '7d': 7 * 24,
  '30d': 30 * 24,
};

/**
 * The state of a host at a past instant. A host is available only while it is `online`.
 *
 * - `online`: its agent called, and could list its containers.
 * - `engine_down`: its agent called, but could not list its containers.
 * - `stale`: part of a silence that ended before the host was offline. A silence begins with the host's last call.
 * - `offline`: part of a silence that was long enough to make the host offline, from its last call to its next call.
 * - `unknown`: Muster cannot know the state of the host; see `UnknownReason`.
 */
export const AvailabilityState = z.enum(['online', 'engine_down', 'stale', 'offline', 'unknown']);
export type AvailabilityState = z.output<typeof AvailabilityState>;

/**
 * Why the state of a host is unknown:
 *
 * - `muster_away`: Muster itself was down, so it could receive nothing.
 * - `not_enrolled`: the host was not enrolled yet.
 * - `left`: the agent had left.
 * - `no_report`: the host was enrolled, but has not sent its first snapshot.
 * - `no_history`: the history does not go back that far.
 */
export const UnknownReason = z.enum(['muster_away', 'not_enrolled', 'left', 'no_report', 'no_history']);
export type UnknownReason = z.output<typeof UnknownReason>;

const Seconds = z.number().nonnegative();

/** The seconds that a host, or several hosts together, spent in each state. The sum is the length of the window. */
export const AvailabilitySeconds = z.object({
  online: Seconds,
  engineDown: Seconds,
  stale: Seconds,
  offline: Seconds,
  unknown: Seconds,
});
export type AvailabilitySeconds = z.output<typeof AvailabilitySeconds>;

/**
 * The availability of one host or of several hosts together. `ratio` is the time online divided by the time that is not
 * unknown, from 0 to 1. It is null if the whole window is unknown.
 */
export const Availability = z.object({ ratio: z.number().min(0).max(1).nullable(), seconds: AvailabilitySeconds });
export type Availability = z.output<typeof Availability>;

/** A part of the window in which the host had one state. `reason` is null unless the state is `unknown`. */
export const AvailabilitySegment = z.object({
  from: Timestamp,
  to: Timestamp,
  state: AvailabilityState,
  reason: UnknownReason.nullable(),
});
export type AvailabilitySegment = z.output<typeof AvailabilitySegment>;

/** The window from `from` to `to`. `to` is the time of the answer. */
const Period = { window: AvailabilityWindow, from: Timestamp, to: Timestamp };

/**
 * The availability of one host. `segments` cover the window without gaps, oldest first. The number of segments is
 * limited. If the host changed its state more often, the segments have equal lengths, each has the worst state that
 * occurred in it, and `isExact` is false. `ratio` and `seconds` are always exact.
 */
export const HostAvailability = z.object({
  ...Period,
  hostId: z.uuid(),
  ...Availability.shape,
  segments: z.array(AvailabilitySegment).max(AVAILABILITY_SEGMENTS_MAX),
  isExact: z.boolean(),
});
export type HostAvailability = z.output<typeof HostAvailability>;

/** A host in a list of availability. `freshness` is its freshness now. */
export const AvailabilityItem = z.object({
  hostId: z.uuid(),
  hostName: z.string(),
  freshness: Freshness,
  ...Availability.shape,
});
export type AvailabilityItem = z.output<typeof AvailabilityItem>;

/** A page of hosts with their availability. All pages of one list have the window of its first page. */
export const AvailabilityItemPage = z.object({
  ...Period,
  items: z.array(AvailabilityItem),
  nextCursor: z.string().nullable(),
});
export type AvailabilityItemPage = z.output<typeof AvailabilityItemPage>;

/**
 * The availability of groups of hosts. Each group has the hosts with one value of the label; `value` is null for the
 * hosts without the label. The group with the lowest ratio is first, and groups without a ratio are last. If there are
 * more than `FACET_VALUES_MAX` groups, only the first ones are returned, and `hasMore` is true. `total` counts all
 * hosts.
 */
export const AvailabilityGroups = z.object({
  ...Period,
  total: Availability.extend({ hosts: z.int().nonnegative() }),
  groups: z.array(Availability.extend({ value: z.string().nullable(), hosts: z.int().positive() })),
  hasMore: z.boolean(),
});
export type AvailabilityGroups = z.output<typeof AvailabilityGroups>;
