import { expect, test } from '@jest/globals';
import { HOST_EVENT_KINDS, type HostAvailability, type HostEvent } from '@muster/contracts';
import { describeAllOnline, describeAvailability, describeSegment, segmentPlace } from '../src/lib/availability';
import { hostEventWords } from '../src/lib/format-host-event';
import { formatShortDateTime } from '../src/lib/format-time';

const SINCE = '2026-03-01T12:00:00.000Z';
const time = formatShortDateTime(new Date(SINCE));
const words = (kind: HostEvent['kind'], from: HostEvent['from'] = null, to: HostEvent['to'] = null) => {
  const { label, change, detail } = hostEventWords({ kind, from, to });
  return [label, change && `${change.before} → ${change.after}`, detail].filter(Boolean).join(': ');
};

test('each event of a host is described in plain words', () => {
  expect(words('host_enrolled', null, { name: 'a', engineId: 'e' })).toBe('Enrolled');
  expect(words('host_enrolled', null, { name: 'a', engineId: 'e', again: true })).toBe('Enrolled again');
  expect(words('host_stale', null, { since: SINCE })).toBe(`Missed heartbeats since ${time}`);
  expect(words('host_offline', null, { since: SINCE })).toBe(`Offline since ${time}`);
  expect(words('host_back', { state: 'offline', since: SINCE }, { silentSeconds: 250 })).toBe('Back after 4 min 10 s');
  expect(words('engine_down', null, { code: 'engine_unreachable', message: 'refused' })).toBe('Engine down: refused');
  expect(words('agent_upgraded', { version: '0.3.0' }, { version: '0.4.0' })).toBe('Agent upgraded: 0.3.0 → 0.4.0');
  expect(words('agent_upgraded', { version: '0.10.0' }, { version: '0.9.0' })).toBe('Agent downgraded: 0.10.0 → 0.9.0');
  expect(words('engine_upgraded', { name: 'Docker', version: '28.5' }, { name: 'Docker', version: '29.1' })).toBe(
    'Engine upgraded: Docker 28.5 → Docker 29.1',
  );
  expect(words('host_renamed', { name: 'a' }, { name: 'b' })).toBe('Renamed: a → b');
  expect(words('labels_changed', { labels: { env: 'prod', a: 'b' } }, { labels: { env: 'test', a: 'b' } })).toBe(
    'Labels changed: env=prod → env=test',
  );
  expect(words('labels_changed', { labels: {} }, { labels: { env: 'test' } })).toBe('Labels changed: none → env=test');
  expect(words('labels_changed', { labels: {} }, { labels: { env: 'test' }, omittedLabels: 3 })).toBe(
    'Labels changed: none → env=test: and 3 more labels',
  );
  expect(words('labels_changed', { labels: {} }, { labels: {}, omittedLabels: 1 })).toBe(
    'Labels changed: and 1 more label',
  );
  expect(words('problem_started', null, { code: 'clock_skew', message: 'an hour ahead' })).toBe(
    'Clock skew: an hour ahead',
  );
  expect(words('problem_ended', { code: 'clock_skew', since: SINCE })).toBe('Clock skew ended');
});

test('an event of an unknown kind or with missing values is shown', () => {
  for (const kind of HOST_EVENT_KINDS) expect(words(kind)).not.toMatch(/undefined|NaN|Invalid|null/);
  expect(words('host_moved' as HostEvent['kind'], { a: 1 }, { b: 2 })).toBe('host moved');
});

test('a segment of the uptime bar has a description and a position', () => {
  const segment = { from: SINCE, to: '2026-03-01T12:04:00.000Z', state: 'unknown', reason: 'muster_away' } as const;
  const end = formatShortDateTime(new Date(segment.to));
  expect(describeSegment(segment)).toBe(`Unknown: Muster was down from ${time} to ${end} (4 min)`);
  const bar = { from: '2026-03-01T11:56:00.000Z', to: '2026-03-01T12:12:00.000Z' };
  expect(segmentPlace(segment, bar)).toEqual({ left: '25%', width: '25%' });
});

test('hosts without known availability are not described as online', () => {
  expect(describeAllOnline([])).toBe('No hosts.');
  expect(describeAllOnline([{ ratio: null }, { ratio: null }])).toBe('No availability is known yet.');
  expect(describeAllOnline([{ ratio: 1 }, { ratio: null }])).toBe(
    'All hosts were online as long as their state is known.',
  );
});

test('the number of interruptions excludes unknown time, and is a minimum if short interruptions were merged', () => {
  const segment = { from: SINCE, to: SINCE, reason: null };
  const seconds = { online: 90, engineDown: 0, stale: 0, offline: 10, unknown: 0 };
  const availability = {
    ...{ ratio: 0.9, window: '7d', seconds, from: SINCE, to: SINCE },
    segments: [
      { ...segment, state: 'offline' },
      { ...segment, state: 'unknown' },
    ],
  } as unknown as HostAvailability;
  expect(describeAvailability({ ...availability, isExact: true })).toContain(', 1 interruption, ');
  expect(describeAvailability({ ...availability, isExact: false })).toContain(', at least 1 interruption, ');
});
