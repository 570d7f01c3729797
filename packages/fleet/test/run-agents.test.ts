import { expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { runAgents } from '../src/simulation/fleet.js';

const now = () => performance.now();

test('agents run when they are due, until the duration has passed', async () => {
  const startedAt = now();
  const woken: number[] = [];
  const agent = {
    nextAtMs: () => startedAt + 20 * (woken.length + 1),
    wake: async (nowMs: number) => void woken.push(nowMs - startedAt),
  };
  await runAgents([agent], { durationMs: 110, stop: new AbortController().signal, now });
  expect(woken.length).toBeGreaterThanOrEqual(1);
  woken.forEach((ms, index) => expect(ms).toBeGreaterThanOrEqual(20 * (index + 1)));
  expect(now() - startedAt).toBeGreaterThanOrEqual(110);
});

test('a signal wakes all agents, and the run ends after their calls', async () => {
  const stop = new AbortController();
  const startedAt = now();
  let calls = 0;
  const sleeping = { nextAtMs: () => Number.POSITIVE_INFINITY, wake: () => Promise.reject(new Error('not due')) };
  const calling = {
    nextAtMs: () => 0,
    wake: async () => {
      await sleep(100);
      calls += 1;
    },
  };
  setTimeout(() => stop.abort(), 50);
  await runAgents([sleeping, calling], { durationMs: 60_000, stop: stop.signal, now });
  expect(calls).toBe(1);
  expect(now() - startedAt).toBeLessThan(30_000);
});
