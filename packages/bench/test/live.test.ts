import { expect, test } from '@jest/globals';
import { verifyReceived } from '../src/sections/live.js';
import { VerificationError } from '../src/verify.js';

test.each([
  { recorded: 3, changes: { fewest: 3, most: 3 }, passes: true },
  { recorded: 3, changes: { fewest: 2, most: 3 }, passes: false },
  { recorded: 3, changes: { fewest: 3, most: 4 }, passes: false },
  { recorded: 0, changes: { fewest: 0, most: 0 }, passes: false },
])('the section live passes only if each listener received all recorded changes: $recorded, $changes', (round) => {
  const verify = () => verifyReceived(round.recorded, round.changes);
  if (round.passes) expect(verify).not.toThrow();
  else expect(verify).toThrow(VerificationError);
});
