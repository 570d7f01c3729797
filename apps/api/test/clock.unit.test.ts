import { describe, expect, test } from '@jest/globals';
import { createClock } from '../src/lib/clock.js';

const START = Date.UTC(2026, 2, 1, 12);

/**
 * Creates a reference clock, a wall clock and a monotonic clock, which the test sets. A request for the reference time
 * takes `there` milliseconds to arrive, and the response takes `back` milliseconds.
 */
function createTestClocks() {
  const ms = { elapsed: 5_000, reference: START, wall: START, there: 10, back: 10 };
  const pass = (passedMs: number) => {
    ms.elapsed += passedMs;
    ms.reference += passedMs;
    ms.wall += passedMs;
  };
  const readReferenceMs = () => {
    pass(ms.there);
    const { reference } = ms;
    pass(ms.back);
    return Promise.resolve(reference);
  };
  return { ms, pass, readReferenceMs, wallMs: () => ms.wall, elapsedMs: () => ms.elapsed };
}

describe('a clock', () => {
  test('differs from its reference by at most one round trip, and ignores the wall clock', async () => {
    const { ms, pass, ...clocks } = createTestClocks();
    ms.wall += 3_600_000;
    const clock = createClock(clocks);
    await clock.start();
    for (const [there, back] of [
      [0, 200],
      [200, 0],
      [5, 5],
      [40, 0],
    ] as const) {
      Object.assign(ms, { there, back });
      pass(5_000);
      // Cheap quartz oscillators have a drift of 200 ppm.
      ms.reference += 1;
      await clock.synchronize();
      expect(Math.abs(clock.now().getTime() - ms.reference)).toBeLessThanOrEqual(21);
    }
    expect(clock.skewMs() / 1000).toBeCloseTo(3_600, 1);
    ms.wall -= 7_200_000;
    expect(clock.skewMs() / 1000).toBeCloseTo(-3_600, 1);
    expect(Math.abs(clock.now().getTime() - ms.reference)).toBeLessThanOrEqual(21);
  });

  test('ignores a reading that took too long', async () => {
    const { ms, pass, ...clocks } = createTestClocks();
    const clock = createClock(clocks);
    await clock.start();
    Object.assign(ms, { there: 10, back: 300 });
    ms.reference += 60_000;
    await clock.synchronize();
    expect(ms.reference - clock.now().getTime()).toBe(60_000);
  });

  test('starts with the best of several readings if all are slow', async () => {
    const { ms, pass, ...clocks } = createTestClocks();
    const slow = [900, 300, 1_200, 700, 800];
    const clock = createClock({
      ...clocks,
      readReferenceMs: () => {
        Object.assign(ms, { there: 0, back: slow.shift() });
        return clocks.readReferenceMs();
      },
    });
    await clock.start();
    expect(slow).toEqual([]);
    expect(Math.abs(clock.now().getTime() - ms.reference)).toBeLessThanOrEqual(150);
  });

  test('follows a step of its reference immediately, or after the configured confirmation time', async () => {
    const { ms, pass, ...clocks } = createTestClocks();
    const atOnce = createClock(clocks);
    const later = createClock({ ...clocks, stepConfirmedAfterMs: 60_000 });
    await atOnce.start();
    await later.start();
    ms.reference += 3_600_000;
    await atOnce.synchronize();
    expect(Math.abs(atOnce.now().getTime() - ms.reference)).toBeLessThanOrEqual(20);
    for (let reading = 0; reading < 12; reading++) {
      await later.synchronize();
      expect(ms.reference - later.now().getTime()).toBeGreaterThan(3_500_000);
      pass(5_000);
    }
    await later.synchronize();
    expect(Math.abs(later.now().getTime() - ms.reference)).toBeLessThanOrEqual(20);
  });

  test('ignores a step of its reference that is reverted within the confirmation time', async () => {
    const { ms, pass, ...clocks } = createTestClocks();
    const clock = createClock({ ...clocks, stepConfirmedAfterMs: 60_000 });
    await clock.start();
    for (const step of [3_600_000, -3_600_000, 3_600_000, -3_600_000]) {
      ms.reference += step;
      for (let reading = 0; reading < 8; reading++) {
        await clock.synchronize();
        pass(5_000);
      }
    }
    expect(Math.abs(clock.now().getTime() - ms.reference)).toBeLessThanOrEqual(20);
  });

  test('throws if it is read before it has been started', () => {
    expect(() => createClock(createTestClocks()).now()).toThrow('not started');
  });
});
