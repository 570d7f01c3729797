import { describe, expect, test } from '@jest/globals';
import {
  HostProblemCode,
  type ContainerEvent,
  type ContainerView,
  type Host,
  type HostProblem,
} from '@muster/contracts';
import { parseAll, parseChoice, parseSearch, stringifySearch } from '../src/lib/search-params';
import { findConcerns } from '../src/features/fleet/attention-list';
import { formatClockSkew } from '../src/lib/format-clock-skew';
import { eventStatus, formatEventValue } from '../src/lib/format-event';
import { formatFieldError } from '../src/lib/format-field-error';
import { containerStatus } from '../src/lib/container-status';
import { toPlainText, toTypedText, toVisibleText } from '../src/lib/plain-text';
import { formatPort, publishedPorts } from '../src/lib/format-port';
import { SEVERE_PROBLEMS, PROBLEM_TITLES } from '../src/lib/format-problem';
import { sampleHistory, stateHistory } from '../src/lib/state-history';
import { formatAge } from '../src/lib/format-time';

const NOW = Date.parse('2026-11-25T12:00:00Z');
const at = (secondsAgo: number): string => new Date(NOW - secondsAgo * 1_000).toISOString();

const container = (fields: Partial<ContainerView>): ContainerView => ({
  ...{ dockerId: 'a1', name: 'web', image: 'web:1', imageId: null, command: '', state: 'running', status: '' },
  ...{ ports: [], labels: {}, startedAt: null, hostId: 'h1', hostName: 'web-01', hostFreshness: 'online' as const },
  ...{
    asOf: at(1),
    health: null,
    exitCode: null,
    uptimeSeconds: null,
    firstSeenAt: at(9_000),
    changedAt: at(60),
    removedAt: null,
  },
  ...fields,
});

const host = (fields: Partial<Host>): Host =>
  ({
    ...{ id: 'h1', name: 'web-01', freshness: 'online', lastSeenAt: at(1), confirmedAt: at(1), engineError: null },
    ...{ cloneSuspectedAt: null, clockSkewSeconds: null, problems: [], ...fields },
  }) as Host;

const event = (fields: Partial<ContainerEvent>): ContainerEvent => ({
  ...{ id: '1-1', hostId: 'h1', hostName: 'web-01', dockerId: 'a1', name: 'web', kind: 'exited' as const },
  ...{ from: 'running', to: 'exited', exitCode: 1, observedAt: at(10), recordedAt: at(10) },
  ...fields,
});

describe('the displayed state of a container', () => {
  test.each([
    [{ state: 'running', health: 'unhealthy' }, 'unhealthy'],
    [{ state: 'running', health: 'healthy' }, 'healthy'],
    [{ state: 'exited', exitCode: 0 }, 'exited (0)'],
    [{ state: 'exited', exitCode: 137 }, 'crashed (137)'],
    [{ state: 'restarting', exitCode: 2 }, 'restarting (2)'],
    [{ state: 'hibernating' }, 'hibernating'],
  ] as const)('for %j is "%s"', (fields, label) => {
    expect(containerStatus(container(fields))).toMatchObject({ label, isCurrent: true });
  });

  test('is not current if the host is offline or its engine is down, but a removed container stays removed', () => {
    expect(containerStatus(container({ hostFreshness: 'offline' }))).toMatchObject({
      icon: 'running',
      isCurrent: false,
    });
    expect(containerStatus(container({ hostFreshness: 'engine_down' })).isCurrent).toBe(false);
    expect(containerStatus(container({ hostFreshness: 'offline', removedAt: at(5) }))).toMatchObject({
      icon: 'removed',
      isCurrent: true,
    });
  });
});

describe('the list of concerns', () => {
  const none = { hosts: [], containers: [], events: [] };

  test('is empty if all hosts and containers are healthy', () => {
    expect(findConcerns({ ...none, hosts: [host({})], containers: [container({ health: 'healthy' })] })).toEqual([]);
  });

  test('has offline hosts first, and no containers of offline hosts', () => {
    const found = findConcerns({
      hosts: [host({ id: 'h2', name: 'gone', freshness: 'offline' }), host({})],
      containers: [
        container({ hostId: 'h2', hostFreshness: 'offline', state: 'exited', exitCode: 1 }),
        container({ state: 'exited', exitCode: 1 }),
      ],
      events: [],
    });
    expect(found.map(({ name }) => name)).toEqual(['gone', 'web']);
  });

  const problem = (code: HostProblemCode, secondsAgo = 60): HostProblem => ({
    code,
    message: `m ${code}`,
    since: at(secondsAgo),
  });

  test.each([
    ['clone_suspected', 'Two machines report as this host (cloned VM?)'],
    ['list_refused', 'Container engine refuses to list containers'],
    ['snapshot_refused', 'Muster refuses this host’s snapshots'],
    ['too_many_containers', 'Too many containers for one snapshot'],
  ] as const)('has an online host with the problem %s first, with the start of the problem', (code, text) => {
    const crashed = container({ state: 'exited', exitCode: 1, hostId: 'h2' });
    const hosts = [host({ id: 'h2', name: 'well' }), host({ problems: [problem('truncated'), problem(code, 600)] })];
    expect(findConcerns({ ...none, hosts, containers: [crashed] })).toMatchObject([
      { name: 'web-01', dockerId: null, icon: 'unhealthy', problem: text, at: at(600) },
      { name: 'web' },
    ]);
  });

  test('has a host whose engine is down once, with the reason', () => {
    const problems = [problem('engine_unreachable')];
    const hosts = [host({ freshness: 'engine_down', engineError: 'no such socket', problems })];
    expect(findConcerns({ ...none, hosts })).toMatchObject([{ name: 'web-01', problem: 'no such socket' }]);
  });

  test('does not have a host whose problems do not affect its list of containers', () => {
    expect(
      findConcerns({ ...none, hosts: [host({ problems: [problem('truncated'), problem('clock_skew')] })] }),
    ).toEqual([]);
  });

  test('has an offline host as offline, regardless of the problems that it reported before', () => {
    const hosts = [host({ freshness: 'offline', problems: [problem('snapshot_refused')] })];
    expect(findConcerns({ ...none, hosts })).toMatchObject([{ problem: 'Offline' }]);
  });

  test('has a crash loop once, even if its container is running at the moment and was recreated in between', () => {
    const crashes = [1, 2, 3].map((n) => event({ id: `${n}`, dockerId: `a${n}`, recordedAt: at(n * 60) }));
    const found = findConcerns({ hosts: [host({})], containers: [container({})], events: crashes });
    const problem = 'Crash loop: 3 exits in 1 h, last code 1';
    expect(found).toMatchObject([{ name: 'web', icon: 'restarting', dockerId: 'a1', problem }]);
    expect(findConcerns({ hosts: [host({})], containers: [], events: crashes.slice(1) })).toEqual([]);
  });

  test('has a container that restarted only once with its exit code', () => {
    const containers = [container({ state: 'restarting', exitCode: 1 })];
    expect(findConcerns({ ...none, containers, events: [event({})] })).toMatchObject([{ problem: 'Restarting (1)' }]);
  });

  test('does not have a container that exited with code 0', () => {
    expect(findConcerns({ ...none, containers: [container({ state: 'exited', exitCode: 0 })] })).toEqual([]);
  });
});

describe('the counts by state over time', () => {
  test('are computed backwards by undoing each change', () => {
    const changes = [
      event({ kind: 'started', from: 'exited', to: 'running', recordedAt: at(10) }),
      event({ kind: 'exited', from: 'running', to: 'exited', recordedAt: at(20) }),
      event({ kind: 'created', from: null, to: 'running', recordedAt: at(30) }),
      event({ kind: 'health_changed', from: 'healthy', to: 'unhealthy', recordedAt: at(40) }),
    ];
    const points = stateHistory({ running: 2 }, changes, NOW);
    expect(sampleHistory(points, NOW - 35_000, NOW, 8).map(({ byState }) => byState['running'] ?? 0)).toEqual([
      1, 2, 2, 1, 1, 2, 2, 2,
    ]);
    expect(points.map((point) => point.at)).toEqual([...points.map((point) => point.at)].sort((a, b) => a - b));
  });
});

test('a port that an engine lists per IP version is one port, with its address unless it is all addresses', () => {
  const port = { privatePort: 80, publicPort: 8080, type: 'tcp' as const };
  expect(
    publishedPorts([
      { ...port, ip: '0.0.0.0' },
      { ...port, ip: '::' },
      { privatePort: 9, type: 'udp' },
    ]).map(formatPort),
  ).toEqual(['8080 → 80']);
  expect(publishedPorts([{ ...port, ip: '10.0.0.5', type: 'udp' }]).map(formatPort)).toEqual([
    '8080 → 80/udp on 10.0.0.5',
  ]);
  expect(publishedPorts([{ ...port, count: 10 }]).map(formatPort)).toEqual(['8080-8089 → 80-89']);
});

test('an exit is a crash if its code is not 0', () => {
  expect(eventStatus(event({ exitCode: 0 })).label).toBe('exited (0)');
  expect(eventStatus(event({ exitCode: 137 })).label).toBe('crashed (137)');
  expect(formatEventValue({ labels: { a: '1' } })).toBe('labels {"a":"1"}');
});

test('an age has one unit, and a time in the future is "in …"', () => {
  expect([2, 17, 150, 7_200, 200_000].map((seconds) => formatAge(NOW - seconds * 1_000, NOW))).toEqual([
    ...['just now', '15 s ago', '2 min ago', '2 h ago', '2 d ago'],
  ]);
  expect(formatAge(NOW + 3_600_000, NOW)).toBe('in 1 h');
});

test('a clock is in sync unless it differs by at least 10 seconds', () => {
  expect([null, 0, -9, 10, -7_200].map(formatClockSkew)).toEqual([
    'unknown',
    'in sync',
    'in sync',
    '10 s ahead',
    '2 h behind',
  ]);
});

test('the message about a field becomes a sentence', () => {
  expect(formatFieldError('name', 'must be at most 200 characters')).toBe('Name must be at most 200 characters.');
  expect(formatFieldError('currentPassword', 'is not correct')).toBe('Current password is not correct.');
  expect(formatFieldError('currentPassword', 'Wrong password.')).toBe('Wrong password.');
  expect(formatFieldError('', 'must be an object')).toBe('Must be an object.');
});

test('an address is parsed as it was formatted, and unknown values are dropped', () => {
  const search = { q: 'a&b', state: ['running', 'exited'], label: undefined };
  expect(stringifySearch(search)).toBe('?q=a%26b&state=running&state=exited');
  expect(parseSearch(stringifySearch(search))).toEqual({ q: 'a&b', state: ['running', 'exited'] });
  expect(parseAll('one')).toEqual(['one']);
  expect(parseChoice(['a', 'b'] as const, 'c')).toBeUndefined();
});

test('each problem has a unique name, and problems that can make the list of containers wrong are severe', () => {
  expect(Object.keys(PROBLEM_TITLES).sort()).toEqual([...HostProblemCode.options].sort());
  expect(new Set(Object.values(PROBLEM_TITLES)).size).toBe(HostProblemCode.options.length);
  expect(Object.entries(SEVERE_PROBLEMS).flatMap(([code, severe]) => (severe ? [] : [code]))).toEqual([
    'truncated',
    'clock_skew',
  ]);
});

describe('a text from outside Muster', () => {
  test('does not change the writing direction of a text that cannot isolate it', () => {
    expect(toPlainText('a\u202eb\u2066\u2069\u200f\u061cc')).toBe('a\ufffdb\ufffd\ufffd\ufffd\ufffdc');
    expect(toPlainText('Müller, 日本, عربي, 👩‍💻')).toBe('Müller, 日本, عربي, 👩‍💻');
  });

  test('is visible even if all its characters are invisible', () => {
    expect(toVisibleText('\u200b\u202e')).toBe('\ufffd\ufffd');
    expect(toVisibleText(' ')).toBe('\ufffd');
    expect(toVisibleText('a\u200b b')).toBe('a\u200b b');
    expect(toVisibleText('')).toBe('');
  });

  test('can be confirmed by typing only its visible characters', () => {
    expect(toTypedText(' web\u202e 0\u200b1 ')).toBe('web 01');
    expect(toTypedText('\u200b')).toBe('');
  });
});
