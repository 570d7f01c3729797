import { expect, test } from '@jest/globals';
import { createEngineGate } from '../src/engine/engine-gate.js';
import { createHealthChecks } from '../src/engine/health-checks.js';
import type { Inspected } from '../src/engine/to-container.js';

const INSPECTED: Inspected = { startedAt: null, health: 'healthy', run: null, restartCount: null };

test('no container is inspected while failed lists delay calls to the engine', async () => {
  let now = 0;
  const gate = createEngineGate({ now: () => now, random: () => 0 });
  const inspectedIds: string[] = [];
  const results: [string, Inspected | null][] = [];
  const stop = new AbortController();
  const checkHealth = createHealthChecks({
    engine: {
      inspectContainer(id) {
        inspectedIds.push(id);
        return Promise.resolve(INSPECTED);
      },
    },
    gate,
    now: () => now,
    onInspected: (id, inspected) => void results.push([id, inspected]),
    signal: stop.signal,
  });
  gate.failed('list', 'timeout');
  for (const id of ['a', 'b']) checkHealth(id);
  await new Promise(setImmediate);
  expect(inspectedIds).toEqual([]);
  expect(results).toEqual([
    ['a', null],
    ['b', null],
  ]);
  now = gate.openAt('list');
  checkHealth('c');
  await new Promise(setImmediate);
  expect(results.slice(2)).toEqual([['c', INSPECTED]]);
  stop.abort();
});
