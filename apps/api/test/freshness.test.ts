import { describe, expect, test } from '@jest/globals';
import { CADENCE_DEFAULT } from '@muster/contracts';
import { containersFreshness, hostFreshness, type Outage } from '../src/domain/freshness.js';

const START = Date.UTC(2026, 2, 1, 12);
const at = (seconds: number) => new Date(START + seconds * 1000);
const context = (seconds: number, outages: readonly Outage[] = []) => ({
  ...{ now: at(seconds), cadence: CADENCE_DEFAULT, outages },
});
const outage = (from: number, to: number): Outage => ({ startedAt: at(from), endedAt: at(to) });
const heard = { lastSeenAt: at(0), confirmedAt: at(0), observedAt: at(0), engineError: null };
const silent = { ...heard, confirmedAt: null, observedAt: null };

describe('a host', () => {
  test.each([
    [0, 'online'],
    [30, 'online'],
    [30.001, 'stale'],
    [299.999, 'stale'],
    [300, 'offline'],
  ])('that was heard %d s ago is %s', (seconds, freshness) => {
    expect(hostFreshness(heard, context(seconds))).toBe(freshness);
    expect(containersFreshness(heard, context(seconds))).toBe(freshness);
  });

  test('without a snapshot is never, unless its engine is down', () => {
    expect(hostFreshness(silent, context(0))).toBe('never');
    expect(hostFreshness(silent, context(900))).toBe('never');
    expect(hostFreshness({ ...silent, engineError: 'no socket' }, context(0))).toBe('engine_down');
  });

  test('that sent incomplete snapshots only has reported, and confirmed none of its containers', () => {
    const incomplete = { ...heard, confirmedAt: null };
    const expected = [
      [0, 'online', 'stale'],
      [40, 'stale', 'stale'],
      [400, 'offline', 'offline'],
    ] as const;
    for (const [seconds, host, containers] of expected) {
      expect(hostFreshness(incomplete, context(seconds))).toBe(host);
      expect(containersFreshness(incomplete, context(seconds))).toBe(containers);
    }
    const down = { ...incomplete, engineError: 'no socket' };
    expect(hostFreshness(down, context(0))).toBe('engine_down');
    expect(containersFreshness(down, context(0))).toBe('engine_down');
  });

  test('whose agent cannot list is engine_down while the agent lives, and then as silent as it is', () => {
    const down = { ...heard, engineError: 'no socket' };
    expect(hostFreshness(down, context(10))).toBe('engine_down');
    expect(hostFreshness(down, context(40))).toBe('stale');
    expect(hostFreshness(down, context(400))).toBe('offline');
  });

  test('whose agent beats but confirms nothing has containers as old as they are', () => {
    const beating = { ...heard, lastSeenAt: at(400) };
    expect(hostFreshness(beating, context(400))).toBe('online');
    expect(containersFreshness(beating, context(400))).toBe('offline');
  });

  test('is as slow as the cadence asks it to be', () => {
    const slow = { ...context(80), cadence: { heartbeatSeconds: 30, snapshotSeconds: 60 } };
    expect(hostFreshness(heard, slow)).toBe('online');
  });
});

describe("Muster's own downtime never ages a host", () => {
  test('that was online when it began: it has its full grace again', () => {
    const down = [outage(20, 3600)];
    expect(hostFreshness(heard, context(3600, down))).toBe('online');
    expect(hostFreshness(heard, context(3630, down))).toBe('online');
    expect(hostFreshness(heard, context(3631, down))).toBe('stale');
    expect(hostFreshness(heard, context(3900, down))).toBe('offline');
  });

  test('nor revives one that had fallen silent before', () => {
    expect(hostFreshness(heard, context(3600, [outage(100, 3600)]))).toBe('stale');
    expect(hostFreshness(heard, context(3800, [outage(100, 3600)]))).toBe('offline');
    expect(hostFreshness(heard, context(7200, [outage(600, 7200)]))).toBe('offline');
  });

  test('twice in a row', () => {
    const down = [outage(20, 1000), outage(1010, 2000)];
    expect(hostFreshness(heard, context(2030, down))).toBe('online');
    expect(hostFreshness(heard, context(2031, down))).toBe('stale');
  });

  test('and an outage from before it was heard counts for nothing', () => {
    expect(hostFreshness(heard, context(31, [outage(-600, -10)]))).toBe('stale');
  });
});
