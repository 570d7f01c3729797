import { describe, expect, test } from '@jest/globals';
import { EventKind, HostProblemCode, MemberRole, type ContainerEvent } from '@muster/contracts';
import fc from 'fast-check';
import { formatBrowser } from '../src/features/settings/format-browser';
import { formatClockSkew } from '../src/lib/format-clock-skew';
import { formatCount, formatNumber } from '../src/lib/format-count';
import { EVENT_KINDS, eventStatus, formatEventKind, formatEventValue } from '../src/lib/format-event';
import { formatFieldError } from '../src/lib/format-field-error';
import { formatPort, formatPortRange, publishedPorts } from '../src/lib/format-port';
import { PROBLEM_TITLES } from '../src/lib/format-problem';
import { ROLE_LABELS } from '../src/lib/format-role';
import { formatAge, formatDuration } from '../src/lib/format-time';
import { isSevereProblem } from '../src/lib/severity';
import { splitImage } from '../src/lib/split-image';
import { event, NOW } from './samples';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('a duration', () => {
  test.each([
    [0, '0 s'],
    [999, '0 s'],
    [59 * SECOND, '59 s'],
    [MINUTE, '1 min'],
    [HOUR - 1, '59 min'],
    [HOUR, '1 h'],
    [47 * HOUR, '47 h'],
    [2 * DAY, '2 d'],
    [400 * DAY, '400 d'],
    [-5 * SECOND, '0 s'],
  ])('of %d ms is formatted as "%s", in one unit and rounded down', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe('an age', () => {
  test('has one unit, and starts with "in" if the time is in the future', () => {
    expect([2, 17, 150, 7_200, 200_000].map((seconds) => formatAge(NOW - seconds * 1_000, NOW))).toEqual([
      'just now',
      '15 s ago',
      '2 min ago',
      '2 h ago',
      '2 d ago',
    ]);
    expect(formatAge(NOW + 3_600_000, NOW)).toBe('in 1 h');
  });

  test('is "just now" within 5 seconds before or after the current time', () => {
    expect([4_999, -5_000].map((age) => formatAge(NOW - age, NOW))).toEqual(['just now', 'just now']);
    expect([5_000, -5_001].map((age) => formatAge(NOW - age, NOW))).toEqual(['5 s ago', 'in 5 s']);
  });

  test('is never larger for a more recent time', () => {
    const size = (text: string) => {
      const [, count = '0', unit = 's'] = /(\d+) (s|min|h|d)/.exec(text) ?? [];
      return Number(count) * { s: SECOND, min: MINUTE, h: HOUR, d: DAY }[unit as 's'];
    };
    fc.assert(
      fc.property(fc.nat(30 * DAY), fc.nat(DAY), (age, more) => {
        const [younger, older] = [formatAge(NOW - age, NOW), formatAge(NOW - age - more, NOW)].map(size);
        expect(younger).toBeLessThanOrEqual(older!);
      }),
    );
  });
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

test('a count uses a singular noun only for 1', () => {
  expect(formatCount(1, 'host')).toBe('1 host');
  expect(formatCount(0, 'host')).toBe('0 hosts');
  expect(formatCount(2, 'entry', 'entries')).toBe('2 entries');
  expect(formatCount(1_234, 'container')).toBe(`${formatNumber(1_234)} containers`);
});

describe('a published port', () => {
  test('is shown once, without an address, if an engine lists it for all IPv4 and IPv6 addresses', () => {
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
    expect(publishedPorts([{ ...port, count: 10 }]).map(formatPort)).toEqual(['8080–8089 → 80–89']);
  });

  const port = { privatePort: 53, publicPort: 53, type: 'tcp' as const };

  test('has one number if the host port equals the container port, and lists its addresses', () => {
    const ports = ['127.0.0.1', '10.0.0.5'].map((ip) => ({ ...port, ip }));
    expect(publishedPorts(ports).map(formatPort)).toEqual(['53 on 127.0.0.1, 10.0.0.5']);
  });

  test.each([undefined, '', '0.0.0.0', '::'])('listens on all addresses if one of its addresses is %j', (ip) => {
    const portOnAllAddresses = ip === undefined ? port : { ...port, ip };
    expect(publishedPorts([{ ...port, ip: '127.0.0.1' }, portOnAllAddresses])).toMatchObject([{ ips: [] }]);
  });

  test('is separate from ports with another protocol, container port or number of ports', () => {
    const ports = [port, { ...port, type: 'udp' as const }, { ...port, privatePort: 54 }, { ...port, count: 2 }];
    expect(publishedPorts(ports).map(formatPort)).toEqual(['53', '53/udp', '53 → 54', '53–54']);
  });

  test('is formatted as a range only if it has several port numbers', () => {
    expect([formatPortRange(80), formatPortRange(80, 1), formatPortRange(80, 3)]).toEqual(['80', '80', '80–82']);
  });
});

describe('an event', () => {
  test('for an exit is shown as a crash if the exit code is known and not 0', () => {
    expect(eventStatus(event({ exitCode: 0 })).label).toBe('exited (0)');
    expect(eventStatus(event({ exitCode: 137 })).label).toBe('crashed (137)');
    expect(eventStatus(event({ exitCode: 143 })).label).toBe('exited (143)');
    expect(eventStatus(event({ exitCode: null }))).toEqual({ icon: 'finished', label: 'exited' });
    expect(formatEventValue({ labels: { a: '1' } })).toBe('labels {"a":"1"}');
  });

  test.each([
    [{ exitCode: 143, exitReason: 'stopped' }, 'finished', 'stopped'],
    [{ exitCode: 137, exitReason: 'oom' }, 'crashed', 'out of memory'],
    [{ exitCode: 143, exitReason: 'unknown' }, 'finished', 'exited (143), cause unknown'],
    [{ exitCode: 128, exitReason: 'failed_to_start', from: 'created', to: 'created' }, 'crashed', 'could not start'],
    [{ kind: 'created', exitCode: 0, exitReason: 'completed' }, 'created', 'created, completed'],
    [{ kind: 'restarted', exitCode: 1, exitReason: 'crashed' }, 'restarting', 'restarted, then crashed (1)'],
  ] as const)('with the fields %j has the icon "%s" and the label "%s"', (fields, icon, label) => {
    expect(eventStatus(event(fields))).toEqual({ icon, label });
  });

  test.each([
    [{ kind: 'restarted', exitCode: 1 }, 'restarted (1)'],
    [{ kind: 'restarted', exitCode: null }, 'restarted'],
    [{ kind: 'health_changed', to: 'unhealthy' }, 'became unhealthy'],
    [{ kind: 'health_changed', to: 'healthy' }, 'became healthy'],
    [{ kind: 'health_changed', to: 'starting' }, 'health check starting'],
    [{ kind: 'unpaused' }, 'resumed'],
    [{ kind: 'image_changed' }, 'image changed'],
  ] as const)('with the fields %j has the label "%s"', (fields, label) => {
    expect(eventStatus(event(fields)).label).toBe(label);
  });

  test('of a loop has the number of exits and the exit codes', () => {
    const codes = [
      { code: 1, reason: 'crashed' as const, count: 40 },
      { code: 137, reason: 'oom' as const, count: 17 },
    ];
    const exits = { count: 57, first: '2026-03-01T11:00:00.000Z', last: '2026-03-01T12:00:00.000Z', codes };
    const label = 'exited 57 times in 1 h, codes 1 and 137';
    expect(eventStatus(event({ kind: 'looping', exits }))).toEqual({ icon: 'restarting', label });
  });

  test('of an unknown kind, from a newer server, has the kind as its label', () => {
    expect(eventStatus(event({ kind: 'moved_away' as never }))).toEqual({ icon: 'changed', label: 'moved away' });
  });

  test('of each kind can be filtered by a unique label', () => {
    expect([...EVENT_KINDS].sort()).toEqual([...EventKind.options].sort());
    expect(new Set(EVENT_KINDS.map(formatEventKind)).size).toBe(EventKind.options.length);
  });

  test('has the same label in its row and in the filter menu', () => {
    const kindsWithOneLabel = EVENT_KINDS.filter((kind) => kind !== 'health_changed');
    for (const kind of kindsWithOneLabel) {
      expect(eventStatus(event({ kind, exitCode: null })).label).toBe(formatEventKind(kind).toLowerCase());
    }
  });

  test('shows the values before and after a change in words', () => {
    const values: ContainerEvent['from'][] = [null, 'web:1', { command: 'run', ports: 2 }];
    expect(values.map(formatEventValue)).toEqual(['none', 'web:1', 'command run, ports 2']);
  });
});

test('the API’s message about a field becomes a sentence', () => {
  expect(formatFieldError('name', 'must be at most 200 characters')).toBe('Name must be at most 200 characters.');
  expect(formatFieldError('currentPassword', 'is not correct')).toBe('Current password is not correct.');
  expect(formatFieldError('currentPassword', 'Wrong password.')).toBe('Wrong password.');
  expect(formatFieldError('', 'must be an object')).toBe('Must be an object.');
});

test('each problem has a unique title, and problems that can make the list of containers wrong are severe', () => {
  expect(Object.keys(PROBLEM_TITLES).sort()).toEqual([...HostProblemCode.options].sort());
  expect(new Set(Object.values(PROBLEM_TITLES)).size).toBe(HostProblemCode.options.length);
  expect(HostProblemCode.options.filter((code) => !isSevereProblem(code))).toEqual(['truncated', 'clock_skew']);
});

test('each role has a unique label', () => {
  expect(Object.keys(ROLE_LABELS).sort()).toEqual([...MemberRole.options].sort());
  expect(new Set(Object.values(ROLE_LABELS)).size).toBe(MemberRole.options.length);
});

describe('an image name', () => {
  test.each([
    ['nginx', 'nginx', ''],
    ['nginx:1.29', 'nginx', ':1.29'],
    ['registry:5000/shop/web', 'registry:5000/shop/web', ''],
    ['registry:5000/shop/web:3', 'registry:5000/shop/web', ':3'],
    [`web@sha256:${'0123456789abcdef'.repeat(4)}`, 'web', '@sha256:01234567…'],
    [`web:1@sha256:${'0123456789abcdef'.repeat(4)}`, 'web:1', '@sha256:01234567…'],
    ['', '', ''],
  ])('"%s" has the repository "%s" and the tag "%s"', (image, repository, tag) => {
    expect(splitImage(image)).toEqual([repository, tag]);
  });

  test('without a digest is split without losing any characters', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const image = text.replaceAll('@', '');
        expect(splitImage(image).join('')).toBe(image);
      }),
    );
  });
});

describe('a browser', () => {
  const chrome = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';
  test.each([
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome}`, 'Chrome on Windows'],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome} Edg/142.0.0.0`, 'Edge on Windows'],
    [`Mozilla/5.0 (X11; Linux x86_64) ${chrome} OPR/128.0.0.0`, 'Opera on Linux'],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0', 'Firefox on Linux'],
    [`Mozilla/5.0 (Linux; Android 10; K) ${chrome}`, 'Chrome on Android'],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15',
      'Safari on macOS',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1',
      'Safari on iPhone',
    ],
    ['curl/8.14.1', 'curl/8.14.1'],
    ['Firefox/145.0', 'Firefox'],
    ['', 'Unknown browser'],
    [null, 'Unknown browser'],
  ])('is shown as the browser of the user agent %j: "%s"', (userAgent, text) => {
    expect(formatBrowser(userAgent)).toBe(text);
  });

  test('with a long user agent is shown as the first 60 characters of the user agent', () => {
    expect(formatBrowser('x'.repeat(500))).toHaveLength(60);
  });
});
