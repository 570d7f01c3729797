import { describe, expect, test } from '@jest/globals';
import { CADENCE_DEFAULT } from '@muster/contracts';
import fc from 'fast-check';
import {
  containersFreshness,
  freshnessCutoffs,
  hostFreshness,
  type Outage,
} from '../src/services/freshness/freshness.js';

const START = Date.UTC(2026, 2, 1, 12);
const at = (seconds: number) => new Date(START + seconds * 1000);
const context = (seconds: number, outages: readonly Outage[] = []) => ({
  now: at(seconds),
  cadence: CADENCE_DEFAULT,
  otherHeartbeats: [1, 45, 600],
  outages,
});
const outage = (from: number, to: number): Outage => ({ startedAt: at(from), endedAt: at(to) });
const onlineHost = {
  lastSeenAt: at(0),
  confirmedAt: at(0),
  observedAt: at(0),
  engineError: null,
  leftAt: null,
  heartbeatSeconds: null,
  agentProblems: [],
};
const newHost = { ...onlineHost, confirmedAt: null, observedAt: null };

describe('a host', () => {
  test.each([
    [0, 'online'],
    [30, 'online'],
    [30.001, 'stale'],
    [299.999, 'stale'],
    [300, 'offline'],
  ])('last seen %d s ago is %s', (seconds, freshness) => {
    expect(hostFreshness(onlineHost, context(seconds))).toBe(freshness);
    expect(containersFreshness(onlineHost, context(seconds))).toBe(freshness);
  });

  test('without a snapshot is `never`, or `engine_down` if its engine has an error', () => {
    expect(hostFreshness(newHost, context(0))).toBe('never');
    expect(hostFreshness(newHost, context(900))).toBe('never');
    expect(hostFreshness({ ...newHost, engineError: 'no socket' }, context(0))).toBe('engine_down');
  });

  test('without a snapshot is `engine_down` while its agent is alive and its engine refuses to list containers', () => {
    const refused = {
      ...newHost,
      agentProblems: [{ code: 'list_refused', message: '403', since: at(0).toISOString() }],
    };
    expect(hostFreshness(refused, context(0))).toBe('engine_down');
    expect(hostFreshness(refused, context(31))).toBe('never');
    // If the host has a snapshot, only its containers are stale.
    expect(hostFreshness({ ...refused, observedAt: at(0) }, context(0))).toBe('online');
    const otherProblem = [{ code: 'clock_skew', message: '', since: at(0).toISOString() }];
    expect(hostFreshness({ ...newHost, agentProblems: otherProblem }, context(0))).toBe('never');
  });

  test('is not `never` if it has sent only incomplete snapshots, but its containers are not confirmed', () => {
    const incomplete = { ...onlineHost, confirmedAt: null };
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

  test('with an engine error is `engine_down` while its agent reports, and then `stale` and `offline`', () => {
    const down = { ...onlineHost, engineError: 'no socket' };
    expect(hostFreshness(down, context(10))).toBe('engine_down');
    expect(hostFreshness(down, context(40))).toBe('stale');
    expect(hostFreshness(down, context(400))).toBe('offline');
  });

  test('stays online with heartbeats that confirm no containers, but its containers go offline', () => {
    const beating = { ...onlineHost, lastSeenAt: at(400) };
    expect(hostFreshness(beating, context(400))).toBe('online');
    expect(containersFreshness(beating, context(400))).toBe('offline');
  });

  test('has a longer grace period if its heartbeat interval is longer', () => {
    const slow = { ...context(80), cadence: { heartbeatSeconds: 30, snapshotSeconds: 60 } };
    expect(hostFreshness(onlineHost, slow)).toBe('online');
  });
});

describe('a host with its own heartbeat interval', () => {
  test.each([
    [1, 3, 300],
    [45, 135, 450],
    [600, 1_800, 6_000],
  ])('of %d s is stale after %d s and offline after %d s', (heartbeatSeconds, graceSeconds, offlineSeconds) => {
    const host = { ...onlineHost, heartbeatSeconds };
    const expected = [
      [graceSeconds, 'online'],
      [graceSeconds + 0.001, 'stale'],
      [offlineSeconds - 0.001, 'stale'],
      [offlineSeconds, 'offline'],
    ] as const;
    for (const [seconds, freshness] of expected) {
      expect(hostFreshness(host, context(seconds))).toBe(freshness);
      expect(containersFreshness(host, context(seconds))).toBe(freshness);
    }
  });
});

describe('a future instant or outage:', () => {
  test('a host last seen in the future counts as seen now', () => {
    const ahead = { ...onlineHost, lastSeenAt: at(3_600), confirmedAt: at(3_600) };
    expect(hostFreshness(ahead, context(0))).toBe('online');
    expect(hostFreshness({ ...onlineHost, lastSeenAt: at(3_600) }, context(400))).toBe('online');
    expect(containersFreshness({ ...onlineHost, lastSeenAt: at(3_600) }, context(400))).toBe('offline');
  });

  test('an outage that has not ended counts until now, and an outage that has not begun does not count', () => {
    expect(hostFreshness(onlineHost, context(400, [outage(500, 4_000)]))).toBe('offline');
    // This outage ends in the future, so it counts until now.
    expect(hostFreshness(onlineHost, context(400, [outage(20, 4_000)]))).toBe('online');
    expect(hostFreshness(onlineHost, context(400, [outage(60, 4_000)]))).toBe('stale');
  });

  test('the overlap of two outages counts once', () => {
    expect(hostFreshness(onlineHost, context(600, [outage(100, 300), outage(200, 400)]))).toBe('offline');
    expect(hostFreshness(onlineHost, context(599, [outage(100, 300), outage(200, 400)]))).toBe('stale');
  });
});

describe("Muster's own downtime", () => {
  test('restarts the full grace period of a host that was online, once its agent has had time to reconnect', () => {
    const down = [outage(20, 3600)];
    expect(hostFreshness(onlineHost, context(3600, down))).toBe('online');
    expect(hostFreshness(onlineHost, context(3690, down))).toBe('online');
    expect(hostFreshness(onlineHost, context(3691, down))).toBe('stale');
    expect(hostFreshness(onlineHost, context(3960, down))).toBe('offline');
  });

  test('gives agents twice the length of a short downtime to reconnect', () => {
    const down = [outage(20, 25)];
    expect(hostFreshness(onlineHost, context(65, down))).toBe('online');
    expect(hostFreshness(onlineHost, context(66, down))).toBe('stale');
  });

  test('does not make a host online if the host had stopped reporting before', () => {
    expect(hostFreshness(onlineHost, context(3600, [outage(100, 3600)]))).toBe('stale');
    expect(hostFreshness(onlineHost, context(3860, [outage(100, 3600)]))).toBe('offline');
    expect(hostFreshness(onlineHost, context(7200, [outage(600, 7200)]))).toBe('offline');
  });

  test('restarts the full grace period after each of two consecutive outages', () => {
    const down = [outage(20, 1000), outage(1010, 2000)];
    expect(hostFreshness(onlineHost, context(2090, down))).toBe('online');
    expect(hostFreshness(onlineHost, context(2091, down))).toBe('stale');
  });

  test('does not keep a dead host online if Muster restarts again and again', () => {
    const down = [outage(5, 35), outage(105, 135), outage(205, 235), outage(305, 335), outage(405, 435)];
    expect(hostFreshness(onlineHost, context(105, down))).toBe('online');
    expect(hostFreshness(onlineHost, context(205, down))).toBe('stale');
    expect(hostFreshness(onlineHost, context(600, down))).toBe('offline');
  });

  test('does not count if agents could reconnect before the host was last seen', () => {
    expect(hostFreshness(onlineHost, context(31, [outage(-600, -60)]))).toBe('stale');
  });
});

describe('the cutoffs between online, stale and offline', () => {
  const seconds = fc.integer({ min: -3_000, max: 1_000 });
  /** Outages recorded by processes whose clocks differ. They may overlap or end in the future. */
  const outages = fc
    .array(fc.tuple(seconds, seconds), { maxLength: 6 })
    .map((ends) => ends.map((pair) => pair.sort((a, b) => a - b)).sort(([a], [b]) => a - b))
    .map((ends) => ends.map(([start, end]) => outage(start, end)));

  test('agree with the freshness of a host for every last-seen time and any outages', () => {
    fc.assert(
      fc.property(outages, fc.integer({ min: -12_000_000, max: 2_000_000 }), (history, heardMs) => {
        const now = context(0, history);
        const { others, ...usual } = freshnessCutoffs(now);
        for (const { heartbeatSeconds, onlineFrom, staleFrom } of [{ heartbeatSeconds: null, ...usual }, ...others]) {
          for (const heardAt of [new Date(START + heardMs), onlineFrom, staleFrom, new Date(+onlineFrom - 1)]) {
            const host = { ...onlineHost, lastSeenAt: heardAt, confirmedAt: heardAt, heartbeatSeconds };
            const expected = heardAt >= onlineFrom ? 'online' : heardAt >= staleFrom ? 'stale' : 'offline';
            expect(hostFreshness(host, now)).toBe(expected);
          }
        }
      }),
    );
  });
});

test('a host whose agent has left and the containers of that host are `left`, even if they were just confirmed', () => {
  for (const seconds of [1, 60, 10_000]) {
    expect(hostFreshness({ ...onlineHost, leftAt: at(1) }, context(seconds))).toBe('left');
    expect(containersFreshness({ ...onlineHost, leftAt: at(1), engineError: 'no socket' }, context(seconds))).toBe(
      'left',
    );
  }
});
