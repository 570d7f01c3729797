import type { AvailabilityItem, AvailabilitySegment, AvailabilityWindow, HostAvailability } from '@muster/contracts';
import { formatAvailability } from '@muster/contracts/format-availability';
import { formatCount } from './format-count';
import { formatExactDuration } from './format-exact-duration';
import { formatShortDateTime } from './format-time';

/** The windows of availability, shortest first. */
export const WINDOWS: readonly AvailabilityWindow[] = ['24h', '7d', '30d'];

/** The name of each window. */
export const WINDOW_WORDS: Readonly<Record<AvailabilityWindow, string>> = {
  '24h': '24 hours',
  '7d': '7 days',
  '30d': '30 days',
};

const UNKNOWN_WORDS: Readonly<Record<NonNullable<AvailabilitySegment['reason']>, string>> = {
  muster_away: 'Unknown: Muster was down',
  not_enrolled: 'Unknown: not enrolled yet',
  left: 'Unknown: the agent had left',
  no_report: 'Unknown: waiting for the first report',
  no_history: 'Unknown: no history',
};

const STATE_WORDS: Readonly<Record<Exclude<AvailabilitySegment['state'], 'unknown'>, string>> = {
  online: 'Online',
  engine_down: 'Engine down',
  stale: 'Missed heartbeats',
  offline: 'Offline',
};

/** Returns the state of the host in a segment, in words. */
export const segmentState = ({ state, reason }: Pick<AvailabilitySegment, 'state' | 'reason'>): string =>
  state === 'unknown' ? UNKNOWN_WORDS[reason ?? 'no_history'] : STATE_WORDS[state];

const durationOf = ({ from, to }: Pick<AvailabilitySegment, 'from' | 'to'>): number =>
  Date.parse(to) - Date.parse(from);

/** Describes a segment: its state, when it began and ended, and how long it lasted. */
export const describeSegment = (segment: AvailabilitySegment): string =>
  `${segmentState(segment)} from ${formatShortDateTime(new Date(segment.from))} to ` +
  `${formatShortDateTime(new Date(segment.to))} (${formatExactDuration(durationOf(segment))})`;

/** The place of a segment in a bar, in percent of the bar's width. */
export function segmentPlace(segment: AvailabilitySegment, { from, to }: Pick<HostAvailability, 'from' | 'to'>) {
  const percent = (ms: number): string => `${(100 * ms) / durationOf({ from, to })}%`;
  return { left: percent(Date.parse(segment.from) - Date.parse(from)), width: percent(durationOf(segment)) };
}

/** Describes how long a host was not online. Returns an empty text if the host was always online. */
export function describeDowntime({ seconds }: Pick<AvailabilityItem, 'seconds'>): string {
  const parts = [
    [seconds.offline, 'offline'],
    [seconds.engineDown, 'engine down'],
    [seconds.stale, 'with missed heartbeats'],
    [seconds.unknown, 'unknown'],
  ] as const;
  return parts
    .filter(([amount]) => amount >= 1)
    .map(([amount, words]) => `${formatExactDuration(amount * 1_000)} ${words}`)
    .join(', ');
}

/** Returns the text for a list of hosts in which no host is known to have been unavailable. */
export function describeAllOnline(hosts: readonly Pick<AvailabilityItem, 'ratio'>[]): string {
  if (hosts.length === 0) return 'No hosts.';
  if (hosts.every(({ ratio }) => ratio === null)) return 'No availability is known yet.';
  return 'All hosts were online as long as their state is known.';
}

/**
 * Describes a bar of availability for users who cannot see it. If short interruptions were merged, their number is not
 * known exactly.
 */
export function describeAvailability(availability: HostAvailability): string {
  const { ratio, window, segments, isExact } = availability;
  const interruptions = segments.filter(({ state }) => state !== 'online' && state !== 'unknown').length;
  const count = formatCount(interruptions, 'interruption');
  return [
    `${formatAvailability(ratio)} available in the last ${WINDOW_WORDS[window]}`,
    interruptions === 0 ? 'no known interruptions' : isExact ? count : `at least ${count}`,
    describeDowntime(availability),
  ]
    .filter(Boolean)
    .join(', ');
}
