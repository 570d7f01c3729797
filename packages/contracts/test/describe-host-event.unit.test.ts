import { describe, expect, test } from '@jest/globals';
import { describeHostEvent, type HostEvent } from '../src/index.js';

const at = '2026-03-01T12:00:00.000Z';
const event = (kind: HostEvent['kind'], from: HostEvent['from'], to: HostEvent['to']): HostEvent => ({
  ...{ id: '1-1', hostId: 'e7a7c1f0-7000-4000-8000-000000000001', hostName: 'web', kind, from, to },
  ...{ at, recordedAt: at },
});

describe('an event of a host is described', () => {
  test.each([
    [event('host_enrolled', null, { name: 'web', engineId: 'e' }), ''],
    [event('host_enrolled', null, { again: true }), 'again'],
    [event('host_stale', null, { since: at }), `last seen ${at}`],
    [event('host_back', { state: 'stale', since: at }, { silentSeconds: 45 }), 'after 45 s'],
    [event('host_back', { state: 'offline', since: at }, { silentSeconds: 3_600 }), 'after 1 h'],
    [event('host_back', { state: 'offline', since: at }, { silentSeconds: 93_700 }), 'after 1 d 2 h'],
    [event('engine_down', null, { code: 'engine_unreachable', message: 'no socket' }), 'no socket'],
    [event('engine_up', { since: at }, null), `was down since ${at}`],
    [event('agent_upgraded', { version: '1' }, { version: '2' }), '1 -> 2'],
    [
      event('engine_upgraded', { name: 'Docker', version: '1' }, { name: 'Podman', version: '2' }),
      'Docker 1 -> Podman 2',
    ],
    [
      event('labels_changed', { labels: { a: '1', b: '2', c: '3' } }, { labels: { a: '1', b: '4', d: '' } }),
      'b=4 d= c-',
    ],
    [event('labels_changed', { labels: {} }, { labels: { a: '1' }, omittedLabels: 2 }), 'a=1 and 2 more'],
    [event('problem_started', null, { code: 'truncated' }), 'truncated'],
    [event('problem_ended', { code: 'clone_suspected', since: at }, null), `clone_suspected since ${at}`],
    [event('host_left', null, null), ''],
  ])('%#', (one, text) => {
    expect(describeHostEvent(one)).toBe(text);
  });
});
