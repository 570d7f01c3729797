import { describe, expect, test } from '@jest/globals';
import type { Response } from 'express';
import { RateLimitedError } from '../src/errors.js';
import { createAgentLimits, type AgentLimit } from '../src/http/limit-agents.js';
import { createEnrollmentLimit } from '../src/http/limit-enrollments.js';
import { addressGroup } from '../src/lib/address-group.js';

const MIB = 1024 * 1024;

/** Creates the limits with their own clock. `beat`, `rotation` and `snapshot` return whether the call is admitted. */
function createTestLimits(perMinute = 600) {
  const elapsed = { ms: 0 };
  const agentLimits = createAgentLimits({
    perMinute,
    elapsedMs: () => elapsed.ms,
    retryAfterMsMax: 10_000,
  });
  const isAdmitted = (limit: AgentLimit, hostId: string) =>
    limit(hostId, { setHeader: () => undefined } as unknown as Response) === null;
  return {
    elapsed,
    beat: (hostId: string) => isAdmitted(agentLimits.calls, hostId),
    rotation: (hostId: string) => isAdmitted(agentLimits.rotations, hostId),
    /** Sends a snapshot, and charges its cost if it is admitted. By default, each row has an event of usual size. */
    snapshot: (
      hostId: string,
      bodyBytes: number,
      rowsWritten: number,
      { textBytes = 10 * MIB, historyBytes = rowsWritten * 250 } = {},
    ) => {
      const isSnapshotAdmitted = isAdmitted(agentLimits.snapshots, hostId);
      if (isSnapshotAdmitted) agentLimits.chargeSnapshot(hostId, { bodyBytes, rowsWritten, textBytes, historyBytes });
      return isSnapshotAdmitted;
    },
  };
}

describe('the limits of an agent', () => {
  const DAY_MINUTES = 24 * 60;

  test('never refuse a host that sends 10 MiB once a minute for a day, with changes of all its 5,000 containers', () => {
    const { elapsed, beat, snapshot } = createTestLimits();
    let refused = 0;
    for (let minute = 0; minute < DAY_MINUTES; minute++) {
      if (!snapshot('large', 10 * 1024 * 1024, 5_000)) refused += 1;
      for (let i = 0; i < 6; i++) if (!beat('large')) refused += 1;
      elapsed.ms += 60_000;
    }
    expect(refused).toBe(0);
  });

  test('never refuse the replay of a full journal of small or large entries, or the snapshot after the replay', () => {
    for (const entries of [500, 10]) {
      const { beat, snapshot } = createTestLimits();
      const [bytes, rows] = [2 * 1024 * 1024, 7_000];
      for (let i = 0; i < entries; i++)
        expect(snapshot('back', bytes / entries, rows / entries, { textBytes: (100 * MIB) / entries })).toBe(true);
      expect(snapshot('back', 1024 * 1024, 5_000)).toBe(true);
      expect(beat('back')).toBe(true);
    }
  });

  test('never refuse the first full snapshots of a fleet after an upgrade', () => {
    const { beat, snapshot } = createTestLimits();
    let refused = 0;
    for (let host = 0; host < 10_000; host++) {
      if (!snapshot(`host ${host}`, 10 * 1024 * 1024, 5_000)) refused += 1;
      if (!beat(`host ${host}`)) refused += 1;
    }
    expect(refused).toBe(0);
  });

  test('admit no more rows per host than the rate allows after the burst is spent', () => {
    const { elapsed, beat, snapshot } = createTestLimits();
    let rows = 0;
    let refusedBeats = 0;
    for (let second = 0; second < 3_600; second++) {
      if (snapshot('noisy', 800 * 1024, 5_000)) rows += 5_000;
      if (!beat('noisy')) refusedBeats += 1;
      elapsed.ms += 1_000;
    }
    expect(refusedBeats).toBe(0);
    // The rate is 600 per minute, the burst is 300, and each snapshot costs 112.5.
    expect(rows / 5_000).toBeLessThanOrEqual((60 * 600 + 300) / 112.5 + 1);
    expect(rows / 5_000).toBeGreaterThanOrEqual((60 * 600) / 112.5 - 1);
  });
});

describe('enrollments are limited', () => {
  const FLEET = 12_000;

  /** Creates the limit with its own clock. `isAdmitted` makes one call and returns whether the call is admitted. */
  function createTestLimit() {
    const elapsed = { ms: 0 };
    const enrollments = createEnrollmentLimit(() => elapsed.ms);
    const isAdmitted = (enrollmentTokenId: string, ip: string) => {
      try {
        enrollments.limitCalls(enrollmentTokenId, ip);
        return true;
      } catch (error) {
        expect(error).toBeInstanceOf(RateLimitedError);
        return false;
      }
    };
    return { elapsed, isAdmitted };
  }

  test.each<[string, (i: number) => [string, string]]>([
    ['by token, regardless of the IP address', (i: number) => ['fleet', `192.0.2.${i % 250}`]],
    ['by IP address, regardless of the token', (i: number) => [`token ${i}`, '192.0.2.1']],
    ['by /64 network of IPv6', (i: number) => [`token ${i}`, `2001:db8::${i.toString(16)}`]],
  ])('%s: 12,000 hosts are admitted immediately, and then 20 hosts a second', (_what, call) => {
    const { elapsed, isAdmitted } = createTestLimit();
    let refused = 0;
    for (let i = 0; i < FLEET; i++) if (!isAdmitted(...call(i))) refused += 1;
    expect(refused).toBe(0);
    expect(isAdmitted(...call(FLEET))).toBe(false);
    expect(isAdmitted('another', '198.51.100.1')).toBe(true);
    elapsed.ms += 1_000;
    for (let i = 1; i <= 20; i++) expect(isAdmitted(...call(FLEET + i))).toBe(true);
    expect(isAdmitted(...call(FLEET + 21))).toBe(false);
  });
});

describe('the limits of an agent on text, history and rotations', () => {
  test('admit no more text per host than the rate allows, even if nothing changes and the bodies are small', () => {
    const { elapsed, beat, snapshot } = createTestLimits();
    let texts = 0;
    let refusedBeats = 0;
    for (let tenth = 0; tenth < 36_000; tenth++) {
      if (snapshot('noisy', 50 * 1024, 0)) texts += 10;
      if (tenth % 100 === 0 && !beat('noisy')) refusedBeats += 1;
      elapsed.ms += 100;
    }
    expect(refusedBeats).toBe(0);
    // The limit is 2.5 MiB a second with a burst of 160 MiB. The last snapshot is charged after it was admitted.
    expect(texts).toBeLessThanOrEqual(2.5 * 3_600 + 160 + 10);
    expect(texts).toBeGreaterThanOrEqual(2.5 * 3_600 - 10);
  });

  test('admit no more history per host than the rate allows, even if few rows change', () => {
    const { elapsed, snapshot } = createTestLimits();
    let mib = 0;
    for (let second = 0; second < 3_600; second++) {
      if (snapshot('noisy', 50 * 1024, 100, { textBytes: MIB, historyBytes: 2 * MIB })) mib += 2;
      elapsed.ms += 1_000;
    }
    expect(mib).toBeLessThanOrEqual((600 / 64) * 60 + 32 + 2);
  });

  test('allow a host as many token rotations as it may need after lost responses, and no more', () => {
    const { elapsed, beat, rotation } = createTestLimits();
    let rotations = 0;
    let refusedBeats = 0;
    for (let second = 0; second < 3_600; second++) {
      if (rotation('noisy')) rotations += 1;
      if (!beat('noisy')) refusedBeats += 1;
      elapsed.ms += 1_000;
    }
    expect(refusedBeats).toBe(0);
    expect(rotations).toBeGreaterThanOrEqual(120);
    expect(rotations).toBeLessThanOrEqual(140);
  });
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['2001:db8::4:5:6:192.0.2.1', '2001:db8:0:4::/64'],
  ['127.1', '127.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:0001:2::6', '2001:db8:1:2::/64'],
  ['2001:db8::6', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['not an address', 'not an address'],
])('the address %s is counted as %s', (address, group) => {
  expect(addressGroup(address)).toBe(group);
});
