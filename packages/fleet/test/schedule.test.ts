import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createSchedule } from '../src/simulation/schedule.js';

test('keys come in the order of the times that they were last set to, and only when these have come', () => {
  const KEYS = 20;
  const settings = fc.array(fc.tuple(fc.nat(KEYS - 1), fc.oneof(fc.nat(100), fc.constant(Number.POSITIVE_INFINITY))), {
    maxLength: 100,
  });
  fc.assert(
    fc.property(settings, fc.nat(100), (set, nowMs) => {
      const schedule = createSchedule(KEYS);
      const expected = new Map<number, number>();
      for (const [key, atMs] of set) {
        schedule.set(key, atMs);
        expected.set(key, atMs);
      }
      const times = [...expected.values()];
      expect(schedule.nextAtMs()).toBe(Math.min(...times, Number.POSITIVE_INFINITY));
      const taken: number[] = [];
      for (let key = schedule.takeDue(nowMs); key !== null; key = schedule.takeDue(nowMs)) {
        taken.push(expected.get(key)!);
        expected.delete(key);
      }
      expect(taken).toEqual(times.filter((atMs) => atMs <= nowMs).sort((a, b) => a - b));
      expect(schedule.nextAtMs()).toBe(Math.min(...expected.values(), Number.POSITIVE_INFINITY));
    }),
  );
});
