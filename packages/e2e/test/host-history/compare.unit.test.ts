import { describe, expect, test } from '@jest/globals';
import type { HostEvent, HostEventKind } from '@muster/contracts';
import { MACHINE } from '@muster/fleet';
import { compareHistory, type FoundHistory } from '../../scripts/host-history/compare.js';
import type { AgentCall } from '../../scripts/host-history/model.js';

const START = Date.parse('2026-01-01T00:00:00Z');
const HEARTBEAT = 10;
/** Muster is down for ten minutes. The times are seconds since the start. */
const DOWN = { from: 1_000, until: 1_600 };
const END = 1_800;

const iso = (seconds: number): string => new Date(START + seconds * 1_000).toISOString();

const call = (kind: AgentCall['kind'], seconds: number): AgentCall => ({
  ...{ kind, sentAt: START + seconds * 1_000, answeredAt: START + seconds * 1_000 + 50 },
  machine: kind === 'enroll' ? { ...MACHINE, name: 'edge', engineId: 'e1' } : {},
});

/** The calls of a host that is silent from 100 s to 520 s, while Muster is down, and for 40 s after that. */
const calls = [
  ...[call('enroll', 0), call('snapshot', 0)],
  ...Array.from({ length: END / HEARTBEAT }, (_, index) => (index + 1) * HEARTBEAT)
    .filter((at) => at <= 100 || (at >= 520 && at < DOWN.from) || at >= DOWN.until + 40)
    .map((at) => call('heartbeat', at)),
];

const event = (kind: HostEventKind, at: number, from: HostEvent['from'], to: HostEvent['to']): HostEvent => ({
  ...{ id: String(at), hostId: '0', hostName: 'edge', kind, from, to, at: iso(at), recordedAt: iso(at + 5) },
});

const back = event('host_back', 520, { state: 'offline', since: iso(100) }, { silentSeconds: 420 });
const history = [
  event('host_enrolled', 0, null, { name: 'edge', engineId: 'e1' }),
  event('host_stale', 130, null, { since: iso(100) }),
  event('host_offline', 400, null, { since: iso(100) }),
  back,
];
const seconds = { online: 780, engineDown: 0, stale: 0, offline: 420, unknown: 86_400 - END + 600 };

const differencesOf = (found: Partial<FoundHistory>): string[] =>
  compareHistory(
    calls,
    { events: history, seconds, ...found },
    {
      heartbeatMs: HEARTBEAT * 1_000,
      downtimes: [{ from: START + DOWN.from * 1_000, until: START + DOWN.until * 1_000 }],
      ...{ until: START + END * 1_000, downtimeSlackMs: 5_000 },
    },
  ).differences;

describe('the comparison of a history with the model', () => {
  test('accepts the history that docs/hosts.md describes', () => {
    expect(differencesOf({})).toEqual([]);
  });

  test('finds events and unavailable time that only Muster’s own downtime caused', () => {
    const since = iso(990);
    const events = [
      ...history,
      event('host_stale', 1_020, null, { since }),
      event('host_offline', 1_290, null, { since }),
      event('host_back', 1_640, { state: 'offline', since }, { silentSeconds: 650 }),
    ];
    expect(differencesOf({ events })).toHaveLength(3);
    const downtimeCounted = { ...seconds, offline: seconds.offline + 600, unknown: seconds.unknown - 600 };
    expect(differencesOf({ seconds: downtimeCounted })).toEqual([
      'offline for 1020.0 s but should be 420.0 s',
      'unknown for 84600.0 s but should be 85200.1 s',
    ]);
  });

  test.each<[string, HostEvent[]]>([
    ['a missing event', history.slice(0, -1)],
    ['an event that is recorded twice', [...history, back]],
    ['an instant that is wrong by 3 s', [...history.slice(0, -1), { ...back, at: iso(523) }]],
    [
      'a wrong beginning of a silence',
      [...history.slice(0, -1), { ...back, from: { state: 'offline', since: iso(130) } }],
    ],
    ['a wrong state before', [...history.slice(0, -1), { ...back, from: { state: 'stale', since: iso(100) } }]],
    ['a wrong duration', [...history.slice(0, -1), { ...back, to: { silentSeconds: 390 } }]],
  ])('finds %s', (_, events) => {
    expect(differencesOf({ events })).not.toEqual([]);
  });
});
