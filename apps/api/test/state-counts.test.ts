import { expect, test } from '@jest/globals';
import { countsByWord } from '../src/domain/state-counts.js';

test("a host's counts are told by state and by health", () => {
  expect(countsByWord({ running: 3, exited: 1, 'health:healthy': 2, 'health:unhealthy': 1 })).toEqual({
    containersByState: { running: 3, exited: 1 },
    containersByHealth: { healthy: 2, unhealthy: 1 },
  });
});
